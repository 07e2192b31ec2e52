import { constants } from "node:buffer";
import type { Message, QoS } from "@isthmus/exchange";
import { jsonFormOf } from "../../content/message-form.js";

/** A message as it is told to streams; its payload is in there once, as JSON. */
export interface StreamEvent {
  readonly topic: string;
  readonly qos: QoS;
  readonly payloadBytes: number;
  readonly expiresAt: number;
  /** The message in JSON: the same bytes for all streams. */
  readonly json: Buffer;
}

/** Someone who keeps events, under numbers of its own. */
export interface EventHolder {
  /** There is no more room for the event of this number. */
  handleDropped(number: number): void;
}

interface KeptEvent extends StreamEvent {
  serial: number;
  readonly numberByHolder: Map<EventHolder, number>;
}

/** About what an event takes beside its JSON, and what each that keeps it takes. */
const EVENT_BYTES = 512;
const HOLDER_BYTES = 128;
/** What one byte of a payload may become in JSON: \u0001. */
const MOST_ESCAPED_BYTES = 6;

/**
 * The events that all channels keep. Each is there once, however many filters match it, and all together take no more
 * than so many bytes: the oldest make room, whoever keeps them.
 */
export class EventPool {
  readonly #maxBytes: number;
  readonly #eventBySerial = new Map<number, KeptEvent>();
  readonly #eventByJson = new WeakMap<Buffer, KeptEvent>();
  readonly #jsonByMessage = new WeakMap<Message, WeakRef<Buffer>>();
  /** What has been found too large is not put into JSON for each channel anew. */
  readonly #tooLarge = new WeakSet<Message>();
  /** No event has a lower one. */
  #firstSerial = 1;
  #nextSerial = 1;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that the events take. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The message in JSON, made once for all who tell it at about the same time. */
  render(message: Message): Buffer {
    const known = this.#jsonByMessage.get(message)?.deref();
    if (known !== undefined) return known;
    const text = JSON.stringify(jsonFormOf(message));
    // Memory of its own: a piece of a pool would hold on to all of that.
    const json = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
    json.write(text);
    this.#jsonByMessage.set(message, new WeakRef(json));
    return json;
  }

  /** Keeps the message for `holder` until it or the room for it is gone. @returns undefined when it is too large. */
  keep(message: Message, holder: EventHolder, number: number): StreamEvent | undefined {
    const event = this.#find(message);
    if (event === undefined) return undefined;
    if (event.numberByHolder.size === 0) {
      event.serial = this.#nextSerial++;
      this.#eventBySerial.set(event.serial, event);
      this.#usedBytes += EVENT_BYTES + event.json.length;
    }
    event.numberByHolder.set(holder, number);
    this.#usedBytes += HOLDER_BYTES;
    while (this.#usedBytes > this.#maxBytes) this.#dropOldest();
    return event.numberByHolder.has(holder) ? event : undefined;
  }

  /** `holder` keeps it no longer. */
  release(event: StreamEvent, holder: EventHolder): void {
    const kept = this.#eventByJson.get(event.json);
    if (kept?.numberByHolder.delete(holder) !== true) return;
    this.#usedBytes -= HOLDER_BYTES;
    if (kept.numberByHolder.size > 0) return;
    this.#eventBySerial.delete(kept.serial);
    this.#usedBytes -= EVENT_BYTES + kept.json.length;
  }

  #find(message: Message): KeptEvent | undefined {
    const { topic, qos, payloadBytes, expiresAt } = message;
    if (payloadBytes > Math.min(this.#maxBytes, constants.MAX_STRING_LENGTH / MOST_ESCAPED_BYTES)) return undefined;
    if (this.#tooLarge.has(message)) return undefined;
    const json = this.render(message);
    if (json.length + EVENT_BYTES + HOLDER_BYTES > this.#maxBytes) {
      this.#tooLarge.add(message);
      return undefined;
    }
    const known = this.#eventByJson.get(json);
    if (known !== undefined) return known;
    const event: KeptEvent = { topic, qos, payloadBytes, expiresAt, json, serial: 0, numberByHolder: new Map() };
    this.#eventByJson.set(json, event);
    return event;
  }

  #dropOldest(): void {
    // By number: a map's first entry is far to seek once many have gone before it.
    let event = this.#eventBySerial.get(this.#firstSerial);
    while (event === undefined) event = this.#eventBySerial.get(++this.#firstSerial);
    for (const [holder, number] of event.numberByHolder) {
      this.release(event, holder);
      holder.handleDropped(number);
    }
  }
}
