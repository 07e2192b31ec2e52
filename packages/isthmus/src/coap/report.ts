import { type CoapResponse, RequestError, type RequestFailureReason, UnsupportedSchemeError } from "@isthmus/coap";
import type { Terminal } from "../command.js";
import { tlsHint, tlsReason } from "../tls-failure.js";

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

/** Writes what went wrong on the way, and what to try. @returns the exit code; undefined for an error that is a bug. */
export function reportFailure(error: unknown, { stderr }: Terminal): number | undefined {
  if (!(error instanceof RequestError || error instanceof UnsupportedSchemeError || isSystemError(error)))
    return undefined;
  stderr.write(`isthmus: ${tlsReason(error) ?? error.message}\n`);
  const hint = hintFor(error);
  if (hint !== undefined) stderr.write(`  ${hint}\n`);
  return EXIT.noResponse;
}

/** What to try about a request that the endpoint has given up. */
const hintByReason: Partial<Record<RequestFailureReason, string>> = {
  timeout: "is a server running there, at this port? -B SECONDS waits longer, -v shows what is sent",
  reset: "the server does not want it: it may know nothing of this observation or request",
  closed: "the server has closed the connection: it may have said why in its log",
  overload: "fewer at a time",
  "bad-response": "-v shows what came",
  "too-large": "a smaller part of it, or another resource",
  unreachable: "is the host up, and the way to it open?",
};

/** The same for what the system says. */
const hintByCode: Readonly<Record<string, string>> = {
  ENOTFOUND: "is the name of the host right? An address works without one",
  EAI_AGAIN: "the name could not be looked up: is there a network?",
  ECONNREFUSED: "nothing listens there: is the server running, and does it speak this transport at this port?",
  ECONNRESET: "the server has cut the connection",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to this network: link-local addresses need a zone, as fe80::1%25eth0",
  EADDRINUSE: "another program has this port: -p PORT chooses another one",
  EACCES: "this needs privileges: ports below 1024, and broadcast addresses",
};

function hintFor(error: RequestError | UnsupportedSchemeError | SystemError): string | undefined {
  if (error instanceof UnsupportedSchemeError) return "coap, coap+tcp, coaps+tcp, coap+ws and coaps+ws can be had";
  if (error instanceof RequestError) {
    const { cause } = error;
    // What the system said tells more than that there was no way.
    return (isSystemError(cause) ? hintByCode[cause.code] : undefined) ?? hintByReason[error.reason];
  }
  return hintByCode[error.code] ?? tlsHint(error.code, TLS_FLAGS);
}

const TLS_FLAGS = { authority: "-C FILE", certificate: "-c FILE and -j FILE", insecure: "-n" };

/** What sockets, TLS and the resolver throw, whose codes are as ECONNREFUSED and CERT_HAS_EXPIRED. */
interface SystemError extends Error {
  readonly code: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "code" in error && /^[A-Z][A-Z0-9_/]+$/.test(String(error.code));
}
