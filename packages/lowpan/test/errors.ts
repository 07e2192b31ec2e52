import { WireError, type WireErrorCode } from "../src/wire/index.js";

/** The code of the WireError that `run` throws; undefined when it returns. Any other error is passed on. */
export function codeOf(run: () => unknown): WireErrorCode | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
  return undefined;
}
