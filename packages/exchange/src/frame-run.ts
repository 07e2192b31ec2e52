import type { Message, Origin } from "./message.js";
import type { Topic } from "./topic-table.js";

/**
 * Consecutive QoS 0 messages of one publisher on one topic, still in the bytes that they came in.
 *
 * A receiver that speaks the same wire form sends `source[start..end]` as it is; any other asks for {@link messages}.
 */
export interface FrameRun {
  readonly topic: Topic;
  readonly origin: Origin;
  /** Names the wire form of the frames; equal means that the bytes can be passed on unchanged. */
  readonly form: number;
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** How many messages the run holds. */
  readonly count: number;
  /** Bytes of all payloads. */
  readonly payloadBytes: number;
  /** Bytes of the largest frame. */
  readonly largestFrameBytes: number;
  /** The messages, decoded when first asked for. */
  messages(): readonly Message[];
}
