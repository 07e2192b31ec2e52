import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@isthmus/bytes";
import { type CoapClient, type CoapResponse, type Link, linkAttribute, type Registration } from "@isthmus/coap";
import type { Delivery, Message, Origin, Receiver } from "@isthmus/exchange";
import type { Identity } from "../access/access.js";
import { contentTypeOfFormat, formatOfContentType } from "../content/content-types.js";
import type { HubContext } from "../hub-context.js";
import { type Publisher, PublishRefusedError } from "../publisher.js";
import type { TopicMapping } from "./topic-mapping.js";

/** How long to wait before a device is observed again that could not be: twice as long each time, up to the second. */
const RETRY_MS = [2_000, 300_000] as const;

/** What a device shares with the mirror. */
export interface DeviceContext {
  readonly hub: HubContext;
  readonly publisher: Publisher;
  readonly client: CoapClient;
  readonly mapping: TopicMapping;
  readonly maxResources: number;
  /** A resource has changed: what is known of it elsewhere is out of date. */
  readonly handleChanged: (uri: string) => void;
}

/** A resource of a device that is a topic. */
interface MirroredResource {
  readonly path: string;
  readonly uri: string;
  readonly topic: string;
  readonly isObservable: boolean;
  /** What the device said last. */
  latest: CoapResponse | undefined;
  /** A message that is on its way to the device, and the newest of those that wait behind it. */
  isWriting: boolean;
  waiting: Message | undefined;
}

/**
 * One device as topics: what it tells of its resources is published, and what is published to them is put to the device.
 *
 * It lives as long as its registration stays the same.
 */
export class MirroredDevice implements Receiver {
  readonly isOnline = true;
  readonly endpoint: string;
  readonly #context: DeviceContext;
  readonly #identity: Identity;
  readonly #origin: Origin;
  readonly #resourceByTopic = new Map<string, MirroredResource>();
  readonly #ending = new AbortController();

  /** @param base where the device is asked, as a URI without a path. */
  constructor(context: DeviceContext, registration: Registration, base: string, identity: Identity) {
    this.#context = context;
    this.endpoint = registration.ep;
    this.#identity = identity;
    this.#origin = { door: "coap", name: registration.ep, receiver: this };
    for (const resource of this.#resourcesOf(registration, base)) this.#resourceByTopic.set(resource.topic, resource);
  }

  /** Topics that its resources are. */
  get topics(): string[] {
    return [...this.#resourceByTopic.keys()];
  }

  start(): void {
    for (const resource of this.#resourceByTopic.values()) {
      const subscription = {
        receiver: this,
        filter: resource.topic,
        qos: 1,
        noLocal: true,
        retainAsPublished: true,
      } as const;
      this.#context.hub.exchange.subscribe(subscription);
      if (resource.isObservable) void this.#observe(resource);
    }
    void this.tell("$online", "true");
  }

  /** The registration is gone or about something else now. */
  stop(): void {
    this.#ending.abort();
    for (const topic of this.#resourceByTopic.keys()) this.#context.hub.exchange.unsubscribe(this, topic);
  }

  deliver(message: Message, _delivery: Delivery): void {
    const resource = this.#resourceByTopic.get(message.topic);
    // A value that is cleared says nothing to a device.
    if (resource === undefined || message.payloadBytes === 0) return;
    if (!resource.isWriting) void this.#write(resource, message.detach());
    else {
      if (resource.waiting !== undefined) this.#context.hub.metrics.messagesDropped.superseded++;
      resource.waiting = message.detach();
    }
  }

  /** Publishes something about the device itself, as the topic's last value. */
  async tell(name: string, text: string, retain = true): Promise<void> {
    const topic = this.#context.mapping.statusTopicOf(this.endpoint, name);
    await this.#publish({ topic, payload: encodeUtf8(text), qos: 1, retain });
  }

  #resourcesOf(registration: Registration, base: string): MirroredResource[] {
    const { mapping, maxResources, hub } = this.#context;
    const resources: MirroredResource[] = [];
    for (const item of registration.links) {
      const path = pathOf(item, registration.base);
      const topic = path === undefined ? undefined : mapping.topicOf(this.endpoint, path);
      if (path === undefined || topic === undefined) continue;
      if (resources.length === maxResources) {
        hub.log.warn(
          { endpoint: this.endpoint, reason: `${maxResources} resources are mirrored` },
          "resources left out",
        );
        break;
      }
      const isObservable = item.attributes.some(([name]) => name === "obs");
      resources.push({
        path,
        uri: base + path,
        topic,
        isObservable,
        latest: undefined,
        isWriting: false,
        waiting: undefined,
      });
    }
    return resources;
  }

  /** Publishes each state of the resource, for as long as the device is registered. */
  async #observe(resource: MirroredResource): Promise<void> {
    const { client, hub } = this.#context;
    const { signal } = this.#ending;
    let [waitMs] = RETRY_MS as readonly [number, number];
    while (!signal.aborted) {
      try {
        for await (const response of client.observe(resource.uri, { signal })) {
          if (!response.ok) break;
          [waitMs] = RETRY_MS;
          resource.latest = response;
          this.#context.handleChanged(resource.uri);
          await this.#publishState(resource, response);
        }
      } catch (error) {
        hub.log.debug({ endpoint: this.endpoint, path: resource.path, reason: String(error) }, "device not observed");
      }
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, RETRY_MS[1]);
    }
  }

  /** Puts the message to the device, and what came meanwhile behind it. */
  async #write(resource: MirroredResource, first: Message): Promise<void> {
    resource.isWriting = true;
    for (let message: Message | undefined = first; message !== undefined && !this.#ending.signal.aborted;) {
      const problem = await this.#put(resource, message);
      message = resource.waiting;
      resource.waiting = undefined;
      if (problem !== undefined) await this.#handleNotWritten(resource, problem);
    }
    resource.isWriting = false;
  }

  /** @returns why the device did not take it. */
  async #put(resource: MirroredResource, message: Message): Promise<string | undefined> {
    const contentType = message.properties?.contentType;
    const contentFormat = contentType === undefined ? undefined : formatOfContentType(contentType);
    try {
      const response = await this.#context.client.request(resource.uri, {
        method: "PUT",
        body: message.payload,
        ...(contentFormat !== undefined && { contentFormat }),
        signal: this.#ending.signal,
      });
      if (!response.ok) return response.toString();
      this.#context.handleChanged(resource.uri);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The topic shows what was not taken: says so, and shows again what the device has. */
  async #handleNotWritten(resource: MirroredResource, problem: string): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const { path, latest, waiting } = resource;
    this.#context.hub.log.warn({ endpoint: this.endpoint, path, reason: problem }, "value not put to the device");
    await this.tell("$error", JSON.stringify({ path, problem }), false);
    if (latest !== undefined && waiting === undefined) await this.#publishState(resource, latest);
  }

  async #publishState({ topic }: MirroredResource, { payload, contentFormat }: CoapResponse): Promise<void> {
    const properties = contentFormat === undefined ? undefined : { contentType: contentTypeOfFormat(contentFormat) };
    await this.#publish({ topic, payload, qos: 1, retain: true, properties });
  }

  async #publish(publication: Parameters<Publisher["publish"]>[2]): Promise<void> {
    try {
      await this.#context.publisher.publish(this.#identity, this.#origin, publication);
    } catch (error) {
      // It is logged already.
      if (error instanceof PublishRefusedError) return;
      this.#context.hub.log.error(
        { err: error, endpoint: this.endpoint, topic: publication.topic },
        "state not published",
      );
    }
  }
}

/** The path and query of a link, when it is about the device itself; undefined for one that leads elsewhere. */
function pathOf(item: Link, base: string): string | undefined {
  // An anchor says that the link is about something else (RFC 6690 2.1).
  if (linkAttribute(item, "anchor") !== undefined) return undefined;
  if (item.target.startsWith("/") && !item.target.startsWith("//")) return item.target;
  return item.target.startsWith(`${base}/`) ? item.target.slice(base.length) : undefined;
}
