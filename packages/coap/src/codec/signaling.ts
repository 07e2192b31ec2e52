import { Code } from "./codes.js";
import type { Options } from "./options.js";

/** The options of signaling messages: their numbers mean something else in each of them (RFC 8323 5.2). */
export const SignalingOption = {
  CSM: { MAX_MESSAGE_SIZE: 2, BLOCK_WISE_TRANSFER: 4, EXTENDED_TOKEN_LENGTH: 6 },
  PING: { CUSTODY: 2 },
  PONG: { CUSTODY: 2 },
  RELEASE: { ALTERNATIVE_ADDRESS: 2, HOLD_OFF: 4 },
  ABORT: { BAD_CSM_OPTION: 2 },
} as const;

type Row = readonly [number: number, name: string, format: "empty" | "uint" | "string", min: number, max: number];

const rowsByCode = new Map<number, readonly Row[]>([
  [
    Code.CSM,
    [
      [2, "Max-Message-Size", "uint", 0, 4],
      [4, "Block-Wise-Transfer", "empty", 0, 0],
      [6, "Extended-Token-Length", "uint", 0, 3], // RFC 8974 2.2.1
    ],
  ],
  [Code.PING, [[2, "Custody", "empty", 0, 0]]],
  [Code.PONG, [[2, "Custody", "empty", 0, 0]]],
  [
    Code.RELEASE,
    [
      [2, "Alternative-Address", "string", 1, 255],
      [4, "Hold-Off", "uint", 0, 3],
    ],
  ],
  [Code.ABORT, [[2, "Bad-CSM-Option", "uint", 0, 2]]],
]);

/** The name of option `number` in a signaling message with this code, or the number as text. */
export function signalingOptionName(code: number, number: number): string {
  return rowsByCode.get(code)?.find((row) => row[0] === number)?.[1] ?? String(number);
}

/** How the value of a signaling option reads; undefined when it is not registered. */
export function signalingOptionFormat(code: number, number: number): "empty" | "uint" | "string" | undefined {
  return rowsByCode.get(code)?.find((row) => row[0] === number)?.[2];
}

/** The first critical option of a signaling message that is not understood: all critical ones are (RFC 8323 5.2). */
export function findBadSignalingOption(options: Options): number | undefined {
  for (const [number] of options) if ((number & 1) === 1) return number;
  return undefined;
}

/** What a peer said of itself in its CSM (RFC 8323 5.3, RFC 8974 2.2.1). */
export interface Capabilities {
  /** Most bytes of a message that it takes. */
  readonly maxMessageBytes: number;
  readonly supportsBlockWise: boolean;
  readonly maxTokenLength: number;
}

/** What holds until a CSM says otherwise (RFC 8323 5.3.1). */
export const baseCapabilities: Capabilities = { maxMessageBytes: 1_152, supportsBlockWise: false, maxTokenLength: 8 };

/** `known` with what the options of a CSM change in it: what one does not name stays (RFC 8323 5.3). */
export function applyCsm(known: Capabilities, options: Options): Capabilities {
  const { MAX_MESSAGE_SIZE, BLOCK_WISE_TRANSFER, EXTENDED_TOKEN_LENGTH } = SignalingOption.CSM;
  const maxTokenLength = options.uint(EXTENDED_TOKEN_LENGTH);
  return {
    maxMessageBytes: options.uint(MAX_MESSAGE_SIZE) ?? known.maxMessageBytes,
    supportsBlockWise: known.supportsBlockWise || options.has(BLOCK_WISE_TRANSFER),
    maxTokenLength: maxTokenLength === undefined ? known.maxTokenLength : Math.max(8, maxTokenLength),
  };
}
