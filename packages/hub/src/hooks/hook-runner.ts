import { createMessage, type Message } from "@isthmus/exchange";
import { isReasonCodeOf, ReasonCode, type SubscriptionRequest } from "@isthmus/mqtt/codec";
import { parseTopicName } from "@isthmus/mqtt/topics";
import type { Logger } from "pino";
import type { Refusal } from "../access/access.js";
import { encodeMessageProperties } from "../content/encode-properties.js";
import type { Awaitable, Departure, HookClient, HookOptions, Hooks, Replacement } from "./hooks.js";

/** See {@link HookOptions}. */
export const HOOK_DEFAULTS: Required<HookOptions> = { timeoutMs: 10_000 };

/** What a client is told when a hook has failed: whatever went wrong is for the log alone. */
const FAILED: Refusal = { reasonCode: ReasonCode.implementationSpecificError, reason: "a hook has failed" };

/** What messages pass after the embedding program's hook. */
export interface PublishGate {
  /** Whether messages of the topic have to pass it. */
  concerns(topic: string): boolean;
  /** What of a message is to be different, or why it is not to be published. It does not throw or reject. */
  seal(message: Message): Awaitable<Replacement | Refusal | undefined>;
}

/** Calls the hooks: waits only for promises, and turns what fails into a no. */
export class HookRunner {
  readonly hooks: Hooks;
  readonly #log: Logger;
  readonly #timeoutMs: number;
  readonly #gate: PublishGate | undefined;

  constructor(
    hooks: Hooks,
    log: Logger,
    { timeoutMs = HOOK_DEFAULTS.timeoutMs }: HookOptions = {},
    gate?: PublishGate,
  ) {
    this.hooks = hooks;
    this.#gate = gate;
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether messages of the topic are to pass by {@link publish}. */
  sees(topic: string): boolean {
    return this.hooks.onPublish !== undefined || this.#gate?.concerns(topic) === true;
  }

  /** The message that is to be published instead of `message`, most often itself; or why it is not to be. */
  publish(client: HookClient, message: Message): Awaitable<Message | Refusal> {
    const verdict = this.#askBeforePublish(client, message);
    if (this.#gate === undefined) return verdict;
    return verdict instanceof Promise ? verdict.then((known) => this.#pass(known)) : this.#pass(verdict);
  }

  #pass(verdict: Message | Refusal): Awaitable<Message | Refusal> {
    if ("reasonCode" in verdict) return verdict;
    const change = this.#gate?.seal(verdict);
    return change instanceof Promise ? change.then((known) => changed(verdict, known)) : changed(verdict, change);
  }

  #askBeforePublish(client: HookClient, message: Message): Awaitable<Message | Refusal> {
    return this.#decide(
      "onPublish",
      () => this.hooks.onPublish?.(client, message),
      (verdict) => {
        if (verdict === undefined) return message;
        return "reasonCode" in verdict ? inWordsOf("puback", verdict) : replace(message, verdict);
      },
    );
  }

  /** For each filter that is asked for: what to subscribe to, or why not. */
  subscribe(
    client: HookClient,
    requests: readonly SubscriptionRequest[],
  ): Awaitable<readonly (SubscriptionRequest | Refusal)[]> {
    const verdicts = requests.map((request) => this.#subscribeOne(client, request));
    return isSettled(verdicts) ? verdicts : Promise.all(verdicts.map((verdict) => Promise.resolve(verdict)));
  }

  /** @returns undefined to leave it to the settings. */
  authenticate(credentials: Parameters<NonNullable<Hooks["authenticate"]>>[0]) {
    return this.#decide(
      "authenticate",
      () => this.hooks.authenticate?.(credentials),
      (verdict) => verdict,
    );
  }

  authorizePublish(...[identity, topic]: Parameters<NonNullable<Hooks["authorizePublish"]>>): boolean | undefined {
    return this.#allow("authorizePublish", () => this.hooks.authorizePublish?.(identity, topic));
  }

  authorizeSubscribe(...[identity, filter]: Parameters<NonNullable<Hooks["authorizeSubscribe"]>>): boolean | undefined {
    return this.#allow("authorizeSubscribe", () => this.hooks.authorizeSubscribe?.(identity, filter));
  }

  tellConnected(client: HookClient): void {
    this.#tell("onConnect", () => this.hooks.onConnect?.(client));
  }

  tellDisconnected(client: HookClient, departure: Departure): void {
    this.#tell("onDisconnect", () => this.hooks.onDisconnect?.(client, departure));
  }

  tellUnsubscribed(client: HookClient, topicFilter: string): void {
    this.#tell("onUnsubscribe", () => this.hooks.onUnsubscribe?.(client, topicFilter));
  }

  #subscribeOne(client: HookClient, request: SubscriptionRequest): Awaitable<SubscriptionRequest | Refusal> {
    return this.#decide(
      "onSubscribe",
      () => this.hooks.onSubscribe?.(client, request),
      (verdict) => {
        if (verdict === undefined) return request;
        if ("reasonCode" in verdict) return inWordsOf("suback", verdict);
        return verdict.qos < request.qos ? { ...request, qos: verdict.qos } : request;
      },
    );
  }

  /** Asks a hook and makes something of its answer, at once where it answers at once. */
  #decide<T, R>(name: keyof Hooks, ask: () => Awaitable<T>, conclude: (answer: T) => R): Awaitable<R | Refusal> {
    try {
      const answer = ask();
      if (!(answer instanceof Promise)) return conclude(answer);
      return this.#inTime(answer)
        .then(conclude)
        .catch((error: unknown) => this.#fail(name, error));
    } catch (error) {
      return this.#fail(name, error);
    }
  }

  #allow(name: keyof Hooks, ask: () => boolean | undefined): boolean | undefined {
    try {
      const answer: unknown = ask();
      if (typeof answer === "boolean" || answer === undefined) return answer;
      throw new TypeError(`${name} must answer at once, with true, false or undefined`);
    } catch (error) {
      this.#fail(name, error);
      return false;
    }
  }

  #tell(name: keyof Hooks, call: () => Awaitable<void>): void {
    try {
      const done = call();
      if (done instanceof Promise) done.catch((error: unknown) => this.#fail(name, error));
    } catch (error) {
      this.#fail(name, error);
    }
  }

  #fail(hook: keyof Hooks, error: unknown): Refusal {
    this.#log.error({ hook, err: error }, "a hook has failed");
    return FAILED;
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the hook has not settled within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function isSettled<T>(answers: readonly Awaitable<T>[]): answers is readonly T[] {
  return answers.every((answer) => !(answer instanceof Promise));
}

/** A reason code that the acknowledgement has no word for says no more than "no". */
function inWordsOf(packet: "puback" | "suback", refusal: Refusal): Refusal {
  const isSaid = refusal.reasonCode >= 0x80 && isReasonCodeOf(packet, refusal.reasonCode);
  return isSaid ? refusal : { ...refusal, reasonCode: ReasonCode.notAuthorized };
}

function changed(message: Message, verdict: Replacement | Refusal | undefined): Message | Refusal {
  if (verdict === undefined) return message;
  return "reasonCode" in verdict ? verdict : replace(message, verdict);
}

/** @throws TopicSyntaxError when the new topic is none, MessagePropertiesError for properties that MQTT cannot carry. */
function replace(message: Message, { topic, payload, qos, retain, properties }: Replacement): Message {
  if (properties !== undefined) encodeMessageProperties(properties);
  return createMessage({
    topic: topic === undefined ? message.topic : parseTopicName(topic),
    payload: payload ?? message.payload.slice(),
    qos: qos ?? message.qos,
    retain: retain ?? message.retain,
    properties: properties ?? message.properties,
    origin: message.origin,
    publishedAt: message.publishedAt,
    expiresAt: message.expiresAt,
  });
}
