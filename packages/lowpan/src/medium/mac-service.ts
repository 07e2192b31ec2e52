import type { Instant, RandomSource } from "@isthmus/machine";
import type { DecodeFrameOptions, MacFrame } from "../wire/mac/frame.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import type { CsmaCaOptions } from "./csma-ca.js";
import type { MacSecurity } from "./mac-security.js";

/** What the MAC needs of a radio: the seam between it and the simulated medium, a socket or a serial line. */
export interface Radio {
  /** Whether nothing is heard on the channel just now. A link that knows no channel says true. */
  isChannelClear(now: Instant): boolean;
  /** Sends a frame, check sequence included; returns the milliseconds that it is on the air. */
  transmit(now: Instant, psdu: Uint8Array): number;
}

/** How a {@link Mac} is set up. */
export interface MacOptions extends CsmaCaOptions {
  readonly radio: Radio;
  readonly random: RandomSource;
  /** The extended address. */
  readonly address: LinkAddress;
  /** The short address, used as source once it is there. Default: none. */
  readonly shortAddress?: LinkAddress;
  readonly panId: number;
  /** Seals and opens frames. Default: nothing is secured. */
  readonly security?: MacSecurity;
  /** macMaxFrameRetries: times that an unacknowledged frame is sent again. Default 3. */
  readonly maxRetries?: number;
  /** Frames that wait at most; one more is refused. Default 32: two datagrams of 1,280 octets. */
  readonly maxQueueLength?: number;
  /** Milliseconds to wait for an acknowledgement. Default 54 symbols (0.864 ms). */
  readonly ackWaitMs?: number;
  /** Whether the channel is assessed before sending. Default true; false for links where only we send. */
  readonly usesCsma?: boolean;
  /** How check sequences are taken. Default `checked`. */
  readonly fcs?: DecodeFrameOptions["fcs"];
}

/** A frame to be sent. */
export interface MacRequest {
  readonly destination: LinkAddress;
  readonly payload: Uint8Array;
  /** Comes back in the `sent` event. */
  readonly handle: number;
  /** That of an earlier attempt, so that the receiver knows a frame that it has had already. Default: the next one. */
  readonly sequenceNumber?: number;
}

/** What happened to a frame that was to be sent. */
export type SendStatus = "success" | "no-ack" | "channel-access-failure" | "refused";

export type MacEvent =
  | {
      readonly type: "sent";
      readonly handle: number;
      readonly status: SendStatus;
      readonly attempts: number;
      /** Undefined when the request was refused. */
      readonly sequenceNumber: number | undefined;
    }
  | { readonly type: "received"; readonly frame: MacFrame; readonly rssDbm: number | undefined };

/** What a MAC has done. */
export interface MacCounters {
  framesSent: number;
  framesReceived: number;
  acksSent: number;
  acksReceived: number;
  retries: number;
  noAcks: number;
  channelAccessFailures: number;
  duplicates: number;
  /** Frames whose check sequence, format or security was wrong. */
  invalid: number;
}
