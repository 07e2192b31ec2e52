import type { ConnackPacket, ConnectPacket, Packet, SubscriptionRequest } from "@isthmus/mqtt/codec";
import type { Logger } from "pino";
import { BRIDGE_DEFAULTS, type BridgeOptions } from "./bridge-options.js";
import { Handshake } from "./handshake.js";
import type { HopMark } from "./hop-mark.js";
import type { PacketPort } from "./packet-port.js";
import { Relay } from "./relay.js";
import type { TopicMap } from "./topic-map.js";

/** What a link of a bridge needs. */
export interface LinkContext {
  readonly options: BridgeOptions;
  readonly outbound: TopicMap;
  readonly inbound: TopicMap;
  readonly hopMark: HopMark;
  readonly log: Logger;
}

/** Whose side of a bridge. */
export type Side = "local" | "remote";

const SIDE_NAMES: Readonly<Record<Side, string>> = { local: "the hub", remote: "the other broker" };

/** Both ends of a bridge, each let in. */
export interface LinkEnd {
  readonly port: PacketPort;
  readonly connack: ConnackPacket;
  readonly handshake: Handshake;
}

/** An identifier that neither side's messages come to: SUBSCRIBE has one number space with them. [MQTT-2.2.1-3] */
const SUBSCRIBE_IDENTIFIER = 65_535;

/** Says CONNECT on a new port. @throws BridgeRefusedError, Error */
export async function introduce(port: PacketPort, connect: ConnectPacket, timeoutMs: number): Promise<LinkEnd> {
  return { port, ...(await Handshake.perform(port, connect, timeoutMs)) };
}

/** Asks for `requests`; each refusal is in the acknowledgement. */
export function subscribe(port: PacketPort, requests: readonly SubscriptionRequest[]): void {
  if (requests.length === 0) return;
  port.send({
    type: "subscribe",
    packetIdentifier: SUBSCRIBE_IDENTIFIER,
    subscriptions: requests,
    properties: undefined,
  });
}

/** A bridge whose both ends are connected, until one of them is not. */
export class BridgeLink {
  readonly #context: LinkContext;
  readonly #local: LinkEnd;
  readonly #remote: LinkEnd;
  readonly #closed = Promise.withResolvers<Error | undefined>();
  #pingTimer: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(context: LinkContext, local: LinkEnd, remote: LinkEnd) {
    this.#context = context;
    this.#local = local;
    this.#remote = remote;
  }

  /**
   * Carries messages both ways.
   *
   * @param requests what to ask each side for
   * @param handleSubscribed told when a side has answered, or need not be asked
   * @returns when it is over, with the error that has ended it
   */
  run(
    requests: Readonly<Record<Side, readonly SubscriptionRequest[]>>,
    handleSubscribed: (side: Side) => void,
  ): Promise<Error | undefined> {
    const { hopMark, outbound, inbound } = this.#context;
    const [local, remote] = [this.#local.port, this.#remote.port];
    const close = (error: Error | undefined): void => this.#close(error);
    const outward = new Relay(
      {
        near: local,
        far: remote,
        topics: outbound,
        marks: { hopMark, action: "add" },
        retainAvailable: this.#remote.connack.properties?.retainAvailable ?? true,
        handleOther: (packet) => this.#handleOther("local", packet, requests.local, handleSubscribed),
      },
      close,
    );
    const inward = new Relay(
      {
        near: remote,
        far: local,
        topics: inbound,
        marks: { hopMark, action: "check" },
        retainAvailable: true,
        handleOther: (packet) => this.#handleOther("remote", packet, requests.remote, handleSubscribed),
      },
      close,
    );
    local.handTo(outward);
    remote.handTo(inward);
    subscribe(local, requests.local);
    subscribe(remote, requests.remote);
    for (const packet of this.#local.handshake.earlyPackets) outward.handlePacket(packet);
    for (const packet of this.#remote.handshake.earlyPackets) inward.handlePacket(packet);
    local.setPaused(false);
    remote.setPaused(false);
    for (const side of ["local", "remote"] as const) if (requests[side].length === 0) handleSubscribed(side);
    this.#keepAlive();
    return this.#closed.promise;
  }

  /** Takes leave of both sides; their sessions stay. */
  end(): void {
    this.#isEnding = true;
    this.#remote.port.send({ type: "disconnect", reasonCode: 0 });
    this.#remote.port.end();
    this.#local.port.end();
  }

  #handleOther(
    side: Side,
    packet: Packet,
    requests: readonly SubscriptionRequest[],
    handleSubscribed: (side: Side) => void,
  ): void {
    const { log, options } = this.#context;
    const name = SIDE_NAMES[side];
    if (packet.type === "suback") {
      handleSubscribed(side);
      for (const [index, code] of packet.reasonCodes.entries()) {
        const filter = requests[index]?.topicFilter;
        if (code >= 0x80) log.error({ bridge: options.name, filter, code }, `${name} has refused a subscription`);
      }
    }
    if (packet.type === "disconnect") {
      const reason = packet.properties?.reasonString ?? `reason code ${packet.reasonCode}`;
      this.#close(new Error(`${name} has disconnected the bridge: ${reason}`));
    }
  }

  #close(error: Error | undefined): void {
    clearInterval(this.#pingTimer);
    this.#closed.resolve(this.#isEnding ? undefined : (error ?? new Error("the connection was closed")));
    // At once: the other side is to keep what comes, instead of sending it nowhere.
    this.#local.port.destroy();
    this.#remote.port.destroy();
  }

  /** Pings the other broker when nothing else is said, and gives it up when it does not answer. [MQTT-3.1.2-20] */
  #keepAlive(): void {
    const { port, connack } = this.#remote;
    const seconds =
      connack.properties?.serverKeepAlive ?? this.#context.options.keepAliveSeconds ?? BRIDGE_DEFAULTS.keepAliveSeconds;
    if (seconds === 0) return;
    const intervalMs = seconds * 1000;
    this.#pingTimer = setInterval(() => {
      const now = performance.now();
      const silentMs = now - port.receivedAt;
      if (silentMs > 1.5 * intervalMs && !port.isPaused) {
        port.destroy(new Error(`nothing came for ${Math.round(silentMs)} ms`));
      } else if (now - port.sentAt >= intervalMs / 2 || silentMs >= intervalMs / 2) port.send({ type: "pingreq" });
    }, intervalMs / 4).unref();
  }
}
