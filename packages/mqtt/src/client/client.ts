import type { AuthPacket } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { ReasonCode } from "../codec/reason-codes.js";
import {
  ClientClosedError,
  ConnectionLostError,
  QueueFullError,
  reasonText,
  RefusedError,
} from "../session/client-errors.js";
import type { PendingMessage } from "../session/client-publisher.js";
import type { ClientRequest, PendingRequest } from "../session/client-requests.js";
import { ClientSession } from "../session/client-session.js";
import type { ClientSessionEvent, CompletingPacket } from "../session/client-session-types.js";
import type { Transport } from "../transport/transport.js";
import { Inbox } from "./inbox.js";
import { keepConnected } from "./keep-connected.js";
import { Link } from "./link.js";
import type { Message } from "./message.js";
import type { MessageStream } from "./message-stream.js";
import type {
  CloseOptions,
  PublishOptions,
  PublishResult,
  RequestOptions,
  SubscribeOptions,
  UnsubscribeOptions,
} from "./operation-options.js";
import {
  type Authentication,
  type ConnectOptions,
  DEFAULT_QUEUE_LIMIT_BYTES,
  type DisconnectionInfo,
  payloadBytes,
  sessionOptions,
} from "./options.js";
import { Requester } from "./requester.js";
import { Subscriber } from "./subscriber.js";
import type { Subscription } from "./subscription.js";

type Settlement = Pick<PromiseWithResolvers<CompletingPacket | undefined>, "resolve" | "reject">;

/**
 * A connected MQTT client. It connects again by itself when the connection breaks; what is published meanwhile waits,
 * and subscriptions go on. Made by `connect`.
 */
export class Client implements AsyncDisposable {
  readonly #options: ConnectOptions;
  readonly #session: ClientSession<Settlement>;
  readonly #link: Link<Settlement>;
  readonly #inbox: Inbox;
  readonly #subscriber: Subscriber;
  readonly #requester = new Requester(this);
  readonly #stop = new AbortController();
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed: Promise<Error | undefined>;
  #hasConnected = false;
  #properties: Properties = {};
  #reauthentication: PromiseWithResolvers<void> | undefined;

  private constructor(url: URL, options: ConnectOptions, openTransport: (signal: AbortSignal) => Promise<Transport>) {
    this.#options = options;
    this.#session = new ClientSession(sessionOptions(url, options));
    this.#link = new Link(this.#session, {
      openTransport,
      startAuthentication: () => options.authentication?.start?.(),
      handleEvent: (event) => this.#handleEvent(event),
    });
    this.#inbox = new Inbox(options.bufferLimitBytes ?? 1024 * 1024, (isPaused) => this.#link.setPaused(isPaused));
    this.#subscriber = new Subscriber(this.#inbox, options.usesSubscriptionIdentifiers ?? true, (request, signal) =>
      this.#request(request, signal),
    );
    this.#closed = this.#run();
  }

  /** Connects: what `connect` does, over transports of any kind. */
  static async open(
    url: URL,
    options: ConnectOptions,
    openTransport: (signal: AbortSignal) => Promise<Transport>,
  ): Promise<Client> {
    const { signal } = options;
    signal?.throwIfAborted();
    const client = new Client(url, options, openTransport);
    const abort = (): void => void client.close();
    signal?.addEventListener("abort", abort);
    void client.#closed.then(() => signal?.removeEventListener("abort", abort));
    await client.#connected.promise;
    return client;
  }

  /** The client identifier: the one that the server has assigned, if it has. */
  get clientId(): string {
    return this.#session.clientId;
  }

  /** Whether there is a connection now. */
  get isConnected(): boolean {
    return this.#session.isOpen;
  }

  /** Whether it is closed, or about to be. */
  get isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What the server said with its latest CONNACK, such as `maximumQoS` and `responseInformation` (MQTT 5.0). */
  get serverProperties(): Properties {
    return this.#properties;
  }

  /** Resolves when the client is closed for good: with what ended it, or undefined after {@link close}. */
  get closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  /**
   * Publishes a message. The promise settles when that is done: QoS 0 when it is given to the network and that is
   * not congested, QoS 1 and 2 when the server has acknowledged it. Without a connection the message waits for one.
   *
   * @throws RefusedError when the server refuses it, or would.
   * @throws QueueFullError when more than `queueLimitBytes` wait.
   * @throws SessionLostError when nobody can tell whether a QoS 2 message was delivered.
   * @throws MessageExpiredError when it expired before it was sent.
   * @throws ClientClosedError, or what ended the client for good.
   */
  async publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<PublishResult> {
    const { qos = 0, retain = false, properties, signal } = options;
    this.#checkOpen(signal);
    this.#checkRoom();
    const settlement = Promise.withResolvers<CompletingPacket | undefined>();
    const message = { topic, payload: payloadBytes(payload), qos, retain, properties };
    const pending = this.#session.publish(performance.now(), message, settlement);
    this.#link.scheduleFlush();
    if (pending) return resultOf(topic, await this.#settled(pending, settlement, signal));
    if (this.#link.isCongested) await this.#link.drained();
    return DONE;
  }

  /**
   * Subscribes to one or several topic filters: resolves to the stream of their messages when the server has granted
   * at least one of them.
   *
   * @example
   * for await (const message of await client.subscribe("house/+/temperature")) console.log(message.text());
   *
   * @throws RefusedError when the server refuses all of them.
   * @throws TopicSyntaxError when one is no topic filter.
   */
  async subscribe(filters: string | readonly string[], options: SubscribeOptions = {}): Promise<Subscription> {
    this.#checkOpen(options.signal);
    return this.#subscriber.subscribe(asFilters(filters), options);
  }

  /**
   * Unsubscribes from topic filters, whoever reads them; a {@link Subscription} with no filter left ends.
   *
   * @throws RefusedError when the server refuses one.
   */
  async unsubscribe(filters: string | readonly string[], options: UnsubscribeOptions = {}): Promise<void> {
    this.#checkOpen(options.signal);
    await this.#subscriber.unsubscribe(asFilters(filters), options);
  }

  /**
   * All messages that come in from now on, whether a {@link Subscription} reads them too or not: those of a session
   * that another process began, for example. Ask for it right after `connect`, so that none is missed.
   */
  messages(): MessageStream {
    return this.#inbox.openStream();
  }

  /**
   * Publishes a request and resolves to the response (MQTT 5.0, 4.10).
   *
   * @throws TimeoutError when none comes in time.
   */
  async request(topic: string, payload: string | Uint8Array, options: RequestOptions = {}): Promise<Message> {
    this.#checkOpen(options.signal);
    if ((this.#options.protocolVersion ?? 5) !== 5) throw new TypeError("request needs MQTT 5.0");
    return this.#requester.request(topic, payload, options);
  }

  /**
   * Publishes the response to a request (MQTT 5.0, 4.10).
   *
   * @throws TypeError when the message asks for none.
   */
  async reply(request: Message, payload: string | Uint8Array, options: PublishOptions = {}): Promise<PublishResult> {
    const { responseTopic, correlationData } = request.properties;
    if (responseTopic === undefined) throw new TypeError(`the message to ${request.topic} has no response topic`);
    const properties = { ...options.properties, correlationData };
    return this.publish(responseTopic, payload, { qos: request.qos, ...options, properties });
  }

  /**
   * Authenticates anew on the open connection (MQTT 5.0, 4.12.1), when a token is about to run out for example.
   * Everything else goes on meanwhile. Who asks again before it is done gets the answer of the first.
   *
   * @throws TypeError when the client connected without `authentication`.
   * @throws ConnectionLostError when there is no connection, or it breaks; ServerDisconnectError when the server refuses.
   */
  async reauthenticate(): Promise<void> {
    this.#checkOpen(undefined);
    const { authentication } = this.#options;
    if (authentication === undefined) throw new TypeError("reauthenticate needs the option authentication");
    if (!this.isConnected) throw new ConnectionLostError("there is no connection to authenticate on");
    if (this.#reauthentication !== undefined) return this.#reauthentication.promise;
    const reauthentication = Promise.withResolvers<void>();
    this.#reauthentication = reauthentication;
    void this.#beginReauthentication(authentication, reauthentication);
    return reauthentication.promise;
  }

  /**
   * Disconnects and ends the client: what is not settled yet fails with ClientClosedError, streams end after what
   * they have buffered. Resolves when the connection is gone.
   */
  async close({ reasonCode, properties = this.#closingProperties() }: CloseOptions = {}): Promise<void> {
    if (!this.isClosed) {
      this.#stop.abort(new ClientClosedError("the client was closed"));
      this.#session.disconnect(performance.now(), reasonCode, properties);
      this.#link.flush();
    }
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Lives as long as the client, and settles all that it leaves behind. */
  async #run(): Promise<Error | undefined> {
    const { signal } = this.#stop;
    const error = await keepConnected(
      () => this.#link.connect(signal),
      this.#options.reconnect ?? {},
      (disconnection) => this.#handleDisconnection(disconnection),
      signal,
    );
    const isPlanned = signal.aborted;
    if (!isPlanned) this.#stop.abort(error);
    const reason = error ?? new ClientClosedError("the client was closed");
    this.#session.abandon(reason);
    this.#link.flush();
    this.#inbox.end(error);
    this.#connected.reject(isPlanned ? (this.#options.signal?.reason ?? reason) : reason);
    return error;
  }

  #handleDisconnection(disconnection: DisconnectionInfo): void {
    const { onDisconnect } = this.#options;
    this.#reauthentication?.reject(disconnection.error ?? new ClientClosedError("the client was closed"));
    this.#reauthentication = undefined;
    if (onDisconnect) queueMicrotask(() => onDisconnect(disconnection));
  }

  #handleEvent(event: Exclude<ClientSessionEvent<Settlement>, { type: "close" }>): void {
    switch (event.type) {
      case "connected":
        return this.#handleConnected(event);
      case "message":
        return this.#inbox.receive(event.packet);
      case "completed":
        return event.context.resolve(event.packet);
      case "failed":
        return event.context.reject(event.error);
      case "authentication":
        void this.#authenticate(event.packet);
    }
  }

  #handleConnected({
    connack,
    isSessionPresent,
  }: Extract<ClientSessionEvent<Settlement>, { type: "connected" }>): void {
    const { onConnect } = this.#options;
    const isReconnect = this.#hasConnected;
    this.#hasConnected = true;
    this.#properties = connack.properties ?? {};
    if (isReconnect && !isSessionPresent) this.#subscriber.resubscribe();
    // Whoever waits for `connect` says in this turn what it wants to read.
    if (!isReconnect) this.#link.hold();
    this.#connected.resolve();
    if (onConnect) queueMicrotask(() => onConnect({ isSessionPresent, isReconnect, connack }));
  }

  async #beginReauthentication(authentication: Authentication, { reject }: PromiseWithResolvers<void>): Promise<void> {
    try {
      const data = await authentication.start?.();
      this.#session.authenticate(performance.now(), ReasonCode.reAuthenticate, data);
      this.#link.flush();
    } catch (error) {
      this.#reauthentication = undefined;
      reject(error);
    }
  }

  async #authenticate({ reasonCode, properties }: AuthPacket): Promise<void> {
    try {
      if (reasonCode === ReasonCode.success) {
        this.#reauthentication?.resolve();
        this.#reauthentication = undefined;
        return;
      }
      const answer = await this.#options.authentication?.respond(properties?.authenticationData);
      this.#session.authenticate(performance.now(), ReasonCode.continueAuthentication, answer);
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      this.#session.fail(performance.now(), cause);
    }
    this.#link.flush();
  }

  async #request(request: ClientRequest, signal?: AbortSignal): Promise<CompletingPacket> {
    this.#checkOpen(signal);
    const settlement = Promise.withResolvers<CompletingPacket | undefined>();
    const pending = this.#session.request(performance.now(), request, settlement);
    this.#link.scheduleFlush();
    const packet = await this.#settled(pending, settlement, signal);
    if (!packet) throw new Error(`${request.type} was completed without a packet`);
    return packet;
  }

  /** Waits for the session to settle it, or for `signal`, which takes it back if it was not sent yet. */
  async #settled(
    pending: PendingMessage<Settlement> | PendingRequest<Settlement>,
    { promise, reject }: PromiseWithResolvers<CompletingPacket | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<CompletingPacket | undefined> {
    const abort = (): void => {
      this.#session.cancel(pending);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort);
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.#stop.signal.throwIfAborted();
  }

  /** What the transport holds counts as well as the queue: a flood is not to fill the memory. */
  #checkRoom(): void {
    const limit = this.#options.queueLimitBytes ?? DEFAULT_QUEUE_LIMIT_BYTES;
    const { bufferedBytes } = this.#link;
    if (bufferedBytes < limit) return;
    throw new QueueFullError(`${bufferedBytes} bytes wait to be sent, which reaches the limit of ${limit}`);
  }

  /** The session that only bridges broken connections ends with the client. */
  #closingProperties(): Properties | undefined {
    const { protocolVersion = 5, cleanStart = true, sessionExpiryIntervalSeconds, properties } = this.#options;
    const isAsked = sessionExpiryIntervalSeconds !== undefined || properties?.sessionExpiryInterval !== undefined;
    return protocolVersion === 5 && cleanStart && !isAsked ? { sessionExpiryInterval: 0 } : undefined;
  }
}

const DONE: PublishResult = { reasonCode: 0, properties: undefined };

function resultOf(topic: string, packet: CompletingPacket | undefined): PublishResult {
  if (!packet || !("reasonCode" in packet)) return DONE;
  const { type, reasonCode, properties } = packet;
  if (reasonCode < 0x80) return { reasonCode, properties };
  throw new RefusedError(
    `the server refused the message to ${topic}: ${reasonText(reasonCode, type)}`,
    reasonCode,
    properties,
  );
}

function asFilters(filters: string | readonly string[]): readonly string[] {
  const topicFilters = typeof filters === "string" ? [filters] : filters;
  if (topicFilters.length === 0) throw new TypeError("at least one topic filter is needed");
  return topicFilters;
}
