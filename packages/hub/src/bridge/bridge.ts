import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@isthmus/bytes";
import { createMessage } from "@isthmus/exchange";
import { memoryTransportPair } from "@isthmus/mqtt";
import { type ConnectPacket, MAX_PACKET_SIZE, type SubscriptionRequest } from "@isthmus/mqtt/codec";
import { backoffDelayMs, openNodeTransport } from "@isthmus/mqtt/transport-node";
import { HUB_SOURCE, type Identity } from "../access/access.js";
import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { HubContext } from "../hub-context.js";
import { BRIDGE_CLIENT_PREFIX } from "./bridges-part.js";
import { BridgeLink, introduce, type LinkContext, type LinkEnd, type Side, subscribe } from "./bridge-link.js";
import { BRIDGE_DEFAULTS, type BridgeOptions } from "./bridge-options.js";
import { HopMark } from "./hop-mark.js";
import { PacketPort } from "./packet-port.js";
import { TopicMap } from "./topic-map.js";

/** What bridges need of the hub. */
export interface BridgeContext extends HubContext {
  readonly mqttDoor: MqttDoor;
  /** Of this hub alone, see {@link HopMark}. */
  readonly mark: string;
}

/** Room for a hop mark and the longer lengths that it may bring. */
const MARK_BYTES = 64;
const FOR_EVER = 0xffff_ffff;

/** A bridge may do what the rules do not deny to everybody. */
const IDENTITY: Identity = {
  user: undefined,
  source: HUB_SOURCE,
  rules: [{ allow: "readwrite", topics: ["#", "$SYS/#"] }],
};

/**
 * A bridge to another broker.
 *
 * It is a client on both sides, of this hub and of the other broker, and both keep a session for it: while the link is
 * down each side keeps what is for the other, within its own limits and as durably as it keeps any session.
 */
export class Bridge {
  readonly #context: BridgeContext;
  readonly #link: LinkContext;
  readonly #clientId: string;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #current: BridgeLink | undefined;
  /** Whether the last values are still to be sent to the other broker. */
  #owesRetained = false;
  /** Whether the other broker's session has the subscriptions of the options. */
  #isSubscribed = false;

  /** @throws TopicSyntaxError for filters and prefixes that are none. */
  constructor(context: BridgeContext, options: BridgeOptions) {
    this.#context = context;
    this.#clientId = `${BRIDGE_CLIENT_PREFIX}${options.name}`;
    this.#link = {
      options,
      outbound: new TopicMap(options.topics, "out"),
      inbound: new TopicMap(options.topics, "in"),
      hopMark: new HopMark(context.mark, options.maxHops ?? BRIDGE_DEFAULTS.maxHops),
      log: context.log,
    };
  }

  get clientId(): string {
    return this.#clientId;
  }

  /** From now on messages are kept for the other broker; the link to it may take its time. */
  async open(): Promise<void> {
    this.#tellState(false);
    await this.#prepareSession();
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error("the hub was closed"));
    this.#current?.end();
    await this.#running;
  }

  /** The session of the bridge in this hub, with the subscriptions that the options ask for and no others. */
  async #prepareSession(): Promise<void> {
    const { port, connack } = await this.#enterHub(undefined);
    this.#owesRetained = !connack.sessionPresent;
    const wanted = new Set(this.#link.outbound.filters);
    const known = [...(this.#context.mqttDoor.findSession(this.#clientId)?.subscriptionByFilter.keys() ?? [])];
    const unwanted = known.filter((filter) => !wanted.has(filter));
    if (unwanted.length > 0) port.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: unwanted });
    const closed = Promise.withResolvers<void>();
    port.handTo({ handlePacket: () => {}, handleCongestion: () => {}, handleClose: () => closed.resolve() });
    port.setPaused(false);
    // Later: there is nobody yet who would take them.
    subscribe(port, this.#link.outbound.requests(2));
    port.send({ type: "disconnect", reasonCode: 0 });
    port.end();
    await closed.promise;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { name, minReconnectMs = BRIDGE_DEFAULTS.minReconnectMs } = this.#link.options;
    const { maxReconnectMs = BRIDGE_DEFAULTS.maxReconnectMs } = this.#link.options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedAt = performance.now();
      const error = await this.#linkOnce().catch((cause: unknown) => cause);
      this.#current = undefined;
      this.#tellState(false);
      if (signal.aborted) return;
      // A broker that lets in and then closes is as good as away.
      if (performance.now() - startedAt >= maxReconnectMs) attempt = 0;
      const retryInMs = Math.round(backoffDelayMs(attempt, minReconnectMs, maxReconnectMs, Math.random()));
      this.#context.log.warn({ bridge: name, err: error, retryInMs }, "the bridge is down");
      await delay(retryInMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns what has ended the link @throws what has kept it from coming about */
  async #linkOnce(): Promise<Error | undefined> {
    const remote = await this.#enterBroker();
    const local = await this.#enterHub(remote).catch((error: unknown) => {
      remote.port.destroy();
      throw error;
    });
    this.#ending.signal.throwIfAborted();
    const link = new BridgeLink(this.#link, local, remote);
    this.#current = link;
    const requests = this.#requestsFor(remote);
    const waiting = new Set<Side>(["local", "remote"]);
    return link.run(requests, (side) => {
      if (side === "local") this.#owesRetained = false;
      else this.#isSubscribed = true;
      if (waiting.delete(side) && waiting.size === 0) this.#handleUp();
    });
  }

  /**
   * What to subscribe to on each side. A session that is still there needs nothing; a broker that has lost its session
   * may have lost its retained messages as well.
   */
  #requestsFor({ connack, port }: LinkEnd): Record<Side, SubscriptionRequest[]> {
    const { outbound, inbound } = this.#link;
    const isRemoteNew = !connack.sessionPresent;
    if (isRemoteNew && this.#isSubscribed) this.#owesRetained = true;
    if (isRemoteNew) this.#isSubscribed = false;
    const sendsRetained = this.#owesRetained;
    const maximumQoS = port.version === 5 ? (connack.properties?.maximumQoS ?? 2) : 2;
    return {
      local:
        sendsRetained || maximumQoS < 2
          ? outbound.requests(sendsRetained ? 0 : 2).map((each) => limited(each, maximumQoS))
          : [],
      remote: this.#isSubscribed ? [] : inbound.requests(isRemoteNew ? 0 : 1),
    };
  }

  async #enterBroker(): Promise<LinkEnd> {
    const { options, inbound } = this.#link;
    const { protocolVersion = 5, tls, timeoutMs = BRIDGE_DEFAULTS.timeoutMs } = options;
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(timeoutMs)]);
    const transport = await openNodeTransport(new URL(options.url), { protocolVersion, tls }, signal);
    const { maximumPacketSize, receiveMaximum } = this.#context.mqttDoor.options;
    const largest = Math.min(MAX_PACKET_SIZE, maximumPacketSize - inbound.growthBytes);
    const port = new PacketPort(transport, protocolVersion, largest);
    const connect: ConnectPacket = {
      type: "connect",
      protocolVersion,
      clientId: options.clientId ?? `isthmus-${options.name}`,
      cleanStart: false,
      keepAlive: options.keepAliveSeconds ?? BRIDGE_DEFAULTS.keepAliveSeconds,
      username: options.username,
      password: options.password === undefined ? undefined : encodeUtf8(options.password),
      properties:
        protocolVersion === 5
          ? { sessionExpiryInterval: FOR_EVER, receiveMaximum, maximumPacketSize: Math.min(largest, 268_435_455) }
          : undefined,
      isBridge: protocolVersion === 4 && options.marksAsBridge !== false ? true : undefined,
    };
    return introduce(port, connect, timeoutMs);
  }

  /** @param remote whose limits are this hub's as well, as long as the link lasts. */
  async #enterHub(remote: LinkEnd | undefined): Promise<LinkEnd> {
    const { mqttDoor } = this.#context;
    const { name, timeoutMs = BRIDGE_DEFAULTS.timeoutMs } = this.#link.options;
    const [near, far] = memoryTransportPair(["the hub", `bridge ${name}`]);
    mqttDoor.openOwn(far, IDENTITY);
    const { receiveMaximum, maximumPacketSize } = remote?.connack.properties ?? {};
    const connect: ConnectPacket = {
      type: "connect",
      protocolVersion: 5,
      clientId: this.#clientId,
      cleanStart: false,
      keepAlive: 0,
      properties: {
        sessionExpiryInterval: FOR_EVER,
        receiveMaximum,
        maximumPacketSize:
          maximumPacketSize && Math.max(1, maximumPacketSize - this.#link.outbound.growthBytes - MARK_BYTES),
      },
    };
    return introduce(new PacketPort(near, 5, MAX_PACKET_SIZE), connect, timeoutMs);
  }

  #handleUp(): void {
    const { name, url } = this.#link.options;
    this.#context.log.info({ bridge: name, url: withoutSecrets(url) }, "the bridge is up");
    this.#tellState(true);
  }

  #tellState(isUp: boolean): void {
    const { exchange, clock, flushScheduler } = this.#context;
    const topic = `$SYS/broker/connection/${this.#link.options.name}/state`;
    const payload = encodeUtf8(isUp ? "1" : "0");
    exchange.publishMessage(createMessage({ topic, payload, retain: true, publishedAt: clock.tick().epoch }));
    flushScheduler.arm();
  }
}

function limited(request: SubscriptionRequest, maximumQoS: number): SubscriptionRequest {
  return request.qos <= maximumQoS ? request : { ...request, qos: maximumQoS === 0 ? 0 : 1 };
}

function withoutSecrets(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
