import type { FrameRun, Message, Origin, Topic } from "@isthmus/exchange";
import type { ProtocolVersion } from "@isthmus/mqtt";
import { Framer, PublishFrame, type FrameSink } from "@isthmus/mqtt/codec";
import { messageFromFrame } from "./mqtt-message.js";

/** PUBLISH looks the same in MQTT 3.1 and 3.1.1; in 5.0 it has properties. */
export function wireForm(version: ProtocolVersion): number {
  return version === 5 ? 5 : 4;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Gathers consecutive QoS 0 frames on one topic, to be routed as one. One object serves a connection for good: a run
 * is valid until the next {@link begin}.
 */
export class PublishRun implements FrameRun, FrameSink {
  readonly origin: Origin;
  readonly version: ProtocolVersion;
  readonly form: number;
  source: Uint8Array;
  start = 0;
  end = 0;
  count = 0;
  payloadBytes = 0;
  largestFrameBytes = 0;
  #topic: Topic;
  #messages: Message[] | undefined;
  #now = 0;

  constructor(origin: Origin, version: ProtocolVersion, frame: PublishFrame, topic: Topic) {
    this.origin = origin;
    this.version = version;
    this.form = wireForm(version);
    this.source = frame.bytes;
    this.#topic = topic;
  }

  get topic(): Topic {
    return this.#topic;
  }

  /** Starts over with one frame. `now` is in milliseconds since 1970. */
  begin(frame: PublishFrame, topic: Topic, now: number): void {
    this.#topic = topic;
    this.#now = now;
    this.#messages = undefined;
    this.source = frame.bytes;
    this.start = frame.start;
    this.end = frame.end;
    this.count = 1;
    this.payloadBytes = frame.end - frame.payloadStart;
    this.largestFrameBytes = frame.end - frame.start;
  }

  /** @returns false when the frame does not follow on the run: another buffer, another topic. */
  extend(frame: PublishFrame): boolean {
    if (this.source !== frame.bytes || this.end !== frame.start) return false;
    if (!this.#topic.equals(frame.bytes, frame.topicStart, frame.topicEnd)) return false;
    this.end = frame.end;
    this.count++;
    this.payloadBytes += frame.end - frame.payloadStart;
    const frameBytes = frame.end - frame.start;
    if (frameBytes > this.largestFrameBytes) this.largestFrameBytes = frameBytes;
    return true;
  }

  /** The run was published: it holds nothing until the next one begins. */
  finish(): void {
    this.count = 0;
    this.source = NO_BYTES;
    this.#messages = undefined;
  }

  messages(): readonly Message[] {
    if (this.#messages === undefined) {
      this.#messages = [];
      new Framer().receive(this.source.subarray(this.start, this.end), this);
    }
    return this.#messages;
  }

  /** Called by the framer in {@link messages}. */
  receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const frame = new PublishFrame();
    frame.parse(bytes, start, bodyStart, end, this.version);
    this.#messages?.push(messageFromFrame(frame, this.#topic, frame.properties(), this.origin, this.#now));
    return true;
  }
}
