/** A file that `isthmus smqtt` has written, and what it is encrypted with. */
export interface KeyFileOptions {
  readonly file: string;
  readonly passphrase: string;
}

/** What is sealed on behalf of publishers that cannot do it themselves. */
export interface SealingRule {
  /** Messages to these topics are sealed; the first rule whose filter matches applies. */
  readonly filter: string;
  /** One of the suites that the authority has set up. Default `kp-abe`, or `cp-abe` with a policy. */
  readonly suite?: string | undefined;
  /** Who may read, in the policy language; for `cp-abe`. */
  readonly policy?: string | undefined;
  /** Whether the hub signs each message. Default false. */
  readonly countersign?: boolean | undefined;
}

/** Broker-encrypt mode: the hub as a publisher of its own, which seals before anything is stored or forwarded. */
export interface SmqttSealingOptions {
  /** The hub's device file: its certificate must permit what the rules seal. It needs no keys to read. */
  readonly keys: KeyFileOptions;
  readonly rules: readonly SealingRule[];
  /** Messages that may wait for their keys to be wrapped; more are refused. Default 1,024. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that one may wait; then it is refused. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** Enrolment over HTTP, at `/smqtt/enrol/<authority>`. */
export interface SmqttEnrolmentOptions {
  /** Requests that may wait for the authority's answer. Default 64. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that one waits. Default 15,000. */
  readonly timeoutMs?: number | undefined;
}

/** Where the heavy work is done: worker threads. */
export interface SmqttWorkerOptions {
  /** Default 1. */
  readonly threads?: number;
  /** Calls that may wait for a thread. Default 256. */
  readonly queueLimit?: number;
  /** The worker's file, where a bundler has moved it. */
  readonly workerUrl?: URL;
}

/** What the hub does for Secure MQTT beside carrying it. */
export interface SmqttOptions {
  /** Be the authority: answer devices that enrol or renew. Without it the hub only carries their requests to one. */
  readonly authority?: KeyFileOptions | undefined;
  readonly sealing?: SmqttSealingOptions | undefined;
  readonly enrolment?: SmqttEnrolmentOptions | undefined;
  readonly workers?: SmqttWorkerOptions | undefined;
}

export const SMQTT_DEFAULTS = {
  sealing: { maxWaiting: 1024, timeoutMs: 10_000 },
  enrolment: { maxWaiting: 64, timeoutMs: 15_000 },
} as const;
