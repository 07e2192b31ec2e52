import { fromHex } from "@isthmus/bytes";
import { isInRange, parseIpRange } from "@isthmus/coap";
import { type CarriedDatagrams, carryDatagrams, StrongRandom } from "@isthmus/coap/transport-node";
import {
  formatAddress,
  isMulticast,
  LowpanNode,
  MacSecurity,
  type NodeEvent,
  parseAddress,
  parseLinkAddress,
  type Radio,
} from "@isthmus/lowpan";
import { nodeCcmStar } from "@isthmus/lowpan/ccm-star-node";
import { decodeIpv6, WireError } from "@isthmus/lowpan/wire";
import type { CoapDoor } from "../doors/coap/coap-door.js";
import type { HubContext } from "../hub-context.js";
import { OutboundTranslation } from "./outbound-translation.js";
import {
  type OpenPan,
  PAN_DEFAULTS,
  type PanDriver,
  type PanOptions,
  type RealTimeOptions,
  type TunOptions,
} from "./pan-options.js";
import { openSerialPan } from "./serial-pan.js";
import { TunDevice } from "./tun-device.js";
import { openZepPan } from "./zep-pan.js";

const COAP_PORT = 5683;
/** All CoAP Nodes, on the link and in the network (RFC 7252 12.8). */
const COAP_GROUPS = ["ff02::fd", "ff05::fd"];
/** The zone of link-local addresses of the network. */
const ZONE = "pan";

/**
 * The hub as the border router of a 6LoWPAN: it gives nodes a prefix, knows the ways to them, and is for them what it is
 * for everybody else, a CoAP server with a resource directory.
 */
export class BorderRouter {
  readonly #hub: HubContext;
  readonly #options: Required<Omit<PanOptions, "tun">>;
  readonly #tunOptions: TunOptions | undefined;
  readonly #door: CoapDoor;
  #driver: PanDriver | undefined;
  #transport: CarriedDatagrams | undefined;
  #outbound: OutboundTranslation | undefined;
  #tun: TunDevice | undefined;

  constructor(hub: HubContext, door: CoapDoor, options: PanOptions) {
    this.#hub = hub;
    this.#door = door;
    const { tun, ...others } = options;
    this.#options = { ...PAN_DEFAULTS, ...others };
    this.#tunOptions = tun;
  }

  /** The node that is the border router; undefined before it is open. */
  get node(): LowpanNode | undefined {
    return this.#driver?.machine;
  }

  /** Where nodes come to, if they come by a socket. */
  get url(): string | undefined {
    return this.#driver?.url;
  }

  /** @throws ListenError, TunError; RangeError for an option that cannot be. */
  async open(): Promise<void> {
    const { speed, blockSizeBytes, outbound, maxOutbound, prefix } = this.#options;
    const openDriver = this.#chooseDriver();
    const driver = await openDriver((radio, realTime) => this.#buildNode(radio, realTime));
    this.#driver = driver;
    const send = (packet: Uint8Array): void => driver.act((node, now) => node.sendPacket(now, packet));
    const own = (): Uint8Array => driver.machine.addresses[0] ?? driver.machine.linkLocal;
    this.#tun = this.#tunOptions && (await this.#openTun(this.#tunOptions, driver));
    this.#outbound = new OutboundTranslation({
      allowed: outbound,
      maxConversations: maxOutbound,
      send,
      address: own,
      otherwise: this.#tun && ((packet) => this.#tun?.send(packet)),
    });
    this.#transport = carryDatagrams((bytes, to) => this.#sendUdp(bytes, to), {
      ...this.#door.datagramOptions,
      blockSizeBytes,
      parameters: scaledParameters(speed),
      // Who is in the network was let in by it, and addresses are registered.
      amplification: { isTrusted: () => true },
    });
    const range = parseIpRange(prefix);
    this.#door.addRoute({
      reaches: (host) => host.endsWith(`%${ZONE}`) || isInRange(host, range),
      transport: this.#transport,
    });
    driver.onActivity = (node) => this.#handleEvents(node.takeEvents());
    driver.act((node, now) => {
      node.bind(COAP_PORT);
      for (const group of COAP_GROUPS) node.join(parseAddress(group));
      node.start(now);
    });
    this.#hub.log.info({ prefix, panId: this.#options.panId }, "border router open");
  }

  async close(): Promise<void> {
    this.#outbound?.close();
    await this.#tun?.close();
    await this.#transport?.close();
    await this.#driver?.close();
  }

  #chooseDriver(): OpenPan {
    const { link, address } = this.#options;
    if ("zep" in link) return openZepPan(link.zep, address);
    return "serial" in link ? openSerialPan(link.serial) : link.open;
  }

  #openTun(options: TunOptions, driver: PanDriver): Promise<TunDevice> {
    const { prefix } = this.#options;
    const range = parseIpRange(prefix);
    return TunDevice.open(options, {
      prefix,
      receive: (packet) => {
        try {
          // The host also says on the device what is meant for its link alone.
          if (!isInRange(formatAddress(decodeIpv6(packet).destination), range)) return;
          driver.act((node, now) => node.sendPacket(now, packet));
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      },
      onLost: (reason) => this.#hub.log.error({ reason }, "TUN device lost: the host does not reach the network"),
    });
  }

  #buildNode(radio: Radio, realTime: RealTimeOptions): LowpanNode {
    const { address, panId, prefix, contexts, lifetimeMinutes, maxNodes, key, isLenient } = this.#options;
    const linkAddress = parseLinkAddress(address);
    return new LowpanNode({
      ...realTime,
      radio,
      random: new StrongRandom(),
      address: linkAddress,
      panId,
      role: "border-router",
      borderRouter: {
        prefix: parseAddress(prefix.split("/")[0] ?? ""),
        contexts: contexts.map(({ id, prefix: text }) => parseContext(id, text)),
        lifetimeMinutes,
        // Nodes take what has a higher version for newer, over restarts too (RFC 6775 4.3).
        version: Math.floor(Date.now() / 1000) >>> 0,
      },
      maxRegistrations: maxNodes,
      ...(key !== undefined && { security: new MacSecurity(securityOf(key, linkAddress)) }),
      ...(isLenient && { fcs: "unchecked" }),
    });
  }

  #handleEvents(events: readonly NodeEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case "datagram": {
          const { source, sourcePort, destination, payload } = event;
          const address = hostOf(source);
          this.#transport?.receive(payload, { address, port: sourcePort }, isMulticast(destination));
          break;
        }
        case "outbound":
          this.#outbound?.send(event.packet);
          break;
        case "registration": {
          const { address, isRegistered } = event;
          this.#hub.log.info({ node: formatAddress(address) }, isRegistered ? "node joined" : "node gone");
          break;
        }
        case "icmp-error":
          this.#hub.log.debug({ from: formatAddress(event.source), error: event.error.type }, "error from the network");
          break;
        case "echo-reply":
        case "address":
        case "parent":
          break;
      }
    }
  }

  #sendUdp(payload: Uint8Array, { address, port }: { address: string; port: number }): void {
    const [plain = address] = address.split("%");
    try {
      this.#driver?.act((node, now) =>
        node.sendUdp(now, { sourcePort: COAP_PORT, destination: parseAddress(plain), destinationPort: port, payload }),
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#hub.log.warn({ to: address, reason: error.message }, "datagram not sent into the network");
    }
  }
}

/** What the network knows as its own has a zone where it means nothing elsewhere. */
function hostOf(address: Uint8Array): string {
  const text = formatAddress(address);
  return text.startsWith("fe80:") ? `${text}%${ZONE}` : text;
}

function parseContext(id: number, text: string): { id: number; prefix: Uint8Array; length: number } {
  const [prefix = "", length = "64"] = text.split("/");
  return { id, prefix: parseAddress(prefix), length: Number(length) };
}

/** Counters begin at the beginning of 2026, 16 a second: a restart goes on above all that was used, for eight years. */
const COUNTER_EPOCH_S = 1_767_225_600;
const COUNTERS_PER_SECOND = 16;

function securityOf(key: string, address: Uint8Array) {
  const frameCounter = Math.floor((Date.now() / 1000 - COUNTER_EPOCH_S) * COUNTERS_PER_SECOND);
  return { key: fromHex(key), level: 5, address, ccmStar: nodeCcmStar, frameCounter } as const;
}

/** Waiting times of RFC 7252 4.8 in a network whose time goes `speed` times as fast as ours. */
function scaledParameters(speed: number) {
  const [ackTimeoutMs, leisureMs, maxLatencyMs] = [2_000, 5_000, 100_000];
  return {
    ackTimeoutMs: ackTimeoutMs / speed,
    processingDelayMs: ackTimeoutMs / speed,
    leisureMs: leisureMs / speed,
    maxLatencyMs: maxLatencyMs / speed,
  };
}
