import type { TransferProgress } from "@isthmus/coap";
import type { Terminal } from "../command.js";
import { isTerminal } from "./output-flags.js";

/** Blocks after which a transfer is long enough to be told of. */
const FIRST_SHOWN_BYTES = 8 * 1_024;

/** Tells on a terminal how far a long transfer is; nothing elsewhere. */
export function progressLine({ stderr }: Terminal): (progress: TransferProgress) => void {
  if (!isTerminal(stderr)) return () => {};
  return ({ direction, transferredBytes, totalBytes }) => {
    if (transferredBytes < FIRST_SHOWN_BYTES) return;
    const isDone = transferredBytes === totalBytes;
    const share =
      totalBytes === undefined ? "" : ` of ${totalBytes} (${Math.floor((100 * transferredBytes) / totalBytes)} %)`;
    // Each overwrites the one before.
    stderr.write(`\r${direction} ${transferredBytes}${share} bytes ${isDone ? "\n" : ""}`);
  };
}
