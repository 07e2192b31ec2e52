/** One row of the comparison: what coapload.c is told to do, and what its figure means. */
export interface Scenario {
  readonly name: string;
  readonly isTcp: boolean;
  /** Arguments of the generator. */
  readonly load: readonly string[];
  readonly unit: "requests/s" | "notifications/s" | "bodies/s";
  /** What the resource holds before the load begins. */
  readonly initialBytes: number;
  /** Whether observers are notified Non-confirmably. */
  readonly isNotifiedNonConfirmably: boolean;
  /** In a quick run too. */
  readonly isQuick: boolean;
}

/** Bytes of a small payload, the same as coapload.c puts. */
const SMALL_BYTES = 8;
/** A body of 16 blocks of 1024 bytes. */
const BODY_BYTES = 16_384;

const request: Omit<Scenario, "name" | "load"> = {
  isTcp: false,
  unit: "requests/s",
  initialBytes: SMALL_BYTES,
  isNotifiedNonConfirmably: false,
  isQuick: false,
};
const notification = { ...request, unit: "notifications/s" } as const;
const transfer = { ...request, unit: "bodies/s", initialBytes: BODY_BYTES } as const;
const stream = { ...request, isTcp: true } as const;

/** All rows, in the order in which they are measured. */
export const SCENARIOS: readonly Scenario[] = [
  { ...request, name: "get-con", load: ["type=con"], isQuick: true },
  { ...request, name: "get-non", load: ["type=non"], isQuick: true },
  { ...request, name: "get-1-port", load: ["type=con", "sockets=1"] },
  { ...request, name: "put-con", load: ["type=con", "method=put"] },
  { ...request, name: "put-non", load: ["type=non", "method=put"] },
  { ...notification, name: "observe-con", load: ["type=con", "observers=200"] },
  { ...notification, name: "observe-non", load: ["type=non", "observers=200"], isNotifiedNonConfirmably: true },
  { ...transfer, name: "block-get", load: [`body=${BODY_BYTES}`, "sockets=20"] },
  { ...transfer, name: "block-put", load: [`body=${BODY_BYTES}`, "sockets=20", "method=put"] },
  { ...stream, name: "tcp-get", load: ["transport=tcp"], isQuick: true },
  { ...stream, name: "tcp-put", load: ["transport=tcp", "method=put"] },
  { ...stream, name: "tcp-pipelined", load: ["transport=tcp", "sockets=10", "window=20"] },
];
