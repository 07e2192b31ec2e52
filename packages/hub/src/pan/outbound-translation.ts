import { createSocket, type Socket } from "node:dgram";
import { isInRange, parseIpRange } from "@isthmus/coap";
import {
  decodeIpv6,
  decodeUdp,
  encodeIcmpv6Packet,
  encodeUdpPacket,
  formatAddress,
  type Ipv6Address,
  NEXT_HEADER,
  walkExtensions,
  WireError,
} from "@isthmus/lowpan/wire";

/** A conversation without a word for so long is over. */
const IDLE_MS = 60_000;
const HOP_LIMIT = 64;
/** 64:ff9b::/96, under which IPv4 is reached (RFC 6052 2.1). */
const IPV4_PREFIX = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
/** Code of "destination unreachable": administratively prohibited (RFC 4443 3.1). */
const PROHIBITED = 1;

export interface OutboundOptions {
  /** Addresses and ranges that may be sent to. */
  readonly allowed: readonly string[];
  readonly maxConversations: number;
  /** Sends a packet into the network. */
  readonly send: (packet: Uint8Array) => void;
  /** The border router's own address, for errors. */
  readonly address: () => Ipv6Address;
  /** Takes what is not translated; without it, that is refused. */
  readonly otherwise?: ((packet: Uint8Array) => void) | undefined;
}

interface Conversation {
  readonly socket: Socket;
  timer: NodeJS.Timeout;
}

/**
 * The way out for datagrams of constrained nodes, translated in user space: each conversation has a socket of this
 * machine's, and what comes back is sent to the node as if it came from whom it asked.
 */
export class OutboundTranslation {
  readonly #options: OutboundOptions;
  readonly #isAllowed: (address: string) => boolean;
  readonly #conversationByKey = new Map<string, Conversation>();

  constructor(options: OutboundOptions) {
    this.#options = options;
    const tests = options.allowed.map((range) => {
      if (!range.includes("/")) return (address: string) => address === range;
      const parsed = parseIpRange(range);
      return (address: string) => isInRange(address, parsed);
    });
    this.#isAllowed = (address) => tests.some((isWithin) => isWithin(address));
  }

  /** Conversations that are open. */
  get size(): number {
    return this.#conversationByKey.size;
  }

  /** Takes a packet to somewhere outside. @returns whether it was translated. */
  send(packet: Uint8Array): boolean {
    try {
      return this.#translate(packet);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  }

  close(): void {
    for (const key of this.#conversationByKey.keys()) this.#end(key);
  }

  #translate(packet: Uint8Array): boolean {
    const { source, destination, payloadLength } = decodeIpv6(packet);
    const { protocol, upperAt } = walkExtensions(packet);
    const { address, family } = outsideAddressOf(destination);
    if (protocol !== NEXT_HEADER.udp || !this.#isAllowed(address)) {
      if (this.#options.otherwise === undefined) this.#refuse(packet, source);
      else this.#options.otherwise(packet);
      return false;
    }
    const { sourcePort, destinationPort, payload } = decodeUdp(packet, upperAt, 40 + payloadLength);
    const key = `${formatAddress(source)} ${sourcePort} ${address} ${destinationPort}`;
    const conversation =
      this.#conversationByKey.get(key) ??
      this.#begin(
        key,
        family,
        (reply, port) => {
          this.#options.send(
            encodeUdpPacket(
              { source: destination, destination: source, hopLimit: HOP_LIMIT },
              { sourcePort: port, destinationPort: sourcePort, payload: reply },
            ),
          );
        },
        address,
      );
    conversation.timer.refresh();
    conversation.socket.send(payload, destinationPort, address);
    return true;
  }

  #begin(key: string, family: 4 | 6, receive: (reply: Uint8Array, port: number) => void, from: string): Conversation {
    const [oldest] = this.#conversationByKey.keys();
    if (this.size >= this.#options.maxConversations && oldest !== undefined) this.#end(oldest);
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    socket.on("message", (reply, { address, port }) => {
      // Whoever else sends to this port is none of the node's.
      if (address === from) receive(reply, port);
    });
    socket.on("error", () => this.#end(key));
    const timer = setTimeout(() => this.#end(key), IDLE_MS).unref();
    const conversation = { socket, timer };
    this.#conversationByKey.set(key, conversation);
    return conversation;
  }

  #end(key: string): void {
    const conversation = this.#conversationByKey.get(key);
    if (conversation === undefined) return;
    this.#conversationByKey.delete(key);
    clearTimeout(conversation.timer);
    conversation.socket.close();
  }

  /** RFC 4443 3.1: with as much of the packet as fits. */
  #refuse(packet: Uint8Array, source: Ipv6Address): void {
    const message = {
      type: "destination-unreachable",
      code: PROHIBITED,
      value: 0,
      packet: packet.slice(0, 1232),
    } as const;
    this.#options.send(
      encodeIcmpv6Packet(
        { source: this.#options.address(), destination: source.slice(), hopLimit: HOP_LIMIT },
        message,
      ),
    );
  }
}

function outsideAddressOf(destination: Ipv6Address): { address: string; family: 4 | 6 } {
  const isIpv4 = IPV4_PREFIX.every((octet, i) => destination[i] === octet);
  if (isIpv4) return { address: destination.subarray(12).join("."), family: 4 };
  return { address: formatAddress(destination), family: 6 };
}
