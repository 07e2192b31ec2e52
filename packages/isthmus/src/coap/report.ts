import { type CoapResponse, RequestError, UnsupportedSchemeError } from "@isthmus/coap";
import type { Terminal } from "../command.js";

/** What the commands that talk CoAP end with. */
export const EXIT = { success: 0, usage: 1, noResponse: 3, clientError: 4, serverError: 5 } as const;

/** What their help says of it. */
export const EXIT_CODES = [
  "0 for a response of success (2.xx)",
  "1 for an error of the command line",
  "3 when there was no response",
  "4 for a response that blames the client (4.xx)",
  "5 for a response that blames the server (5.xx)",
] as const;

/** The exit code for a response, which is its class when it is an error. */
export function exitCodeOf({ ok, code }: CoapResponse): number {
  return ok ? EXIT.success : code >>> 5;
}

/** Writes what went wrong on the way. @returns the exit code; undefined for an error that is a bug. */
export function reportFailure(error: unknown, { stderr }: Terminal): number | undefined {
  if (!(error instanceof RequestError || error instanceof UnsupportedSchemeError || isSystemError(error)))
    return undefined;
  stderr.write(`isthmus: ${error.message}\n`);
  return EXIT.noResponse;
}

/** What sockets and the resolver throw, whose codes are as ECONNREFUSED. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && /^E[A-Z]/.test(String(error.code));
}
