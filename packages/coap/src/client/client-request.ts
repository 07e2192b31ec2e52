import type { Instant } from "@isthmus/machine";
import type { CoapUri } from "../codec/uri.js";
import type { Address, Endpoint } from "../endpoint/endpoint.js";
import { type OutgoingRequest, RequestError, type ResponseHandler } from "../endpoint/outgoing.js";
import type { Transport } from "../transport/transport.js";
import type { Connector } from "./connector.js";

/** What to do on an endpoint once there is a way to the server. */
export type Start = (endpoint: Endpoint, now: Instant, to: Address, handler: ResponseHandler) => OutgoingRequest;

/** What ends a request before it is done. */
export interface Patience {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** A request on its way: first to a connection, then over it. Once it ended, however it did, `handleEnd` was called. */
export class ClientRequest {
  readonly #handler: ResponseHandler;
  readonly #handleFailure: (error: unknown) => void;
  readonly #patience: AbortSignal | undefined;
  #transport: Transport | undefined;
  #outgoing: OutgoingRequest | undefined;
  #isOver = false;

  /** @param handleFailure called when it fails other than by the endpoint: no connection, or a signal. */
  constructor(handler: ResponseHandler, handleFailure: (error: unknown) => void, patience: Patience) {
    this.#handler = handler;
    this.#handleFailure = handleFailure;
    this.#patience = signalOf(patience);
    this.#patience?.addEventListener("abort", this.#handleAbort);
  }

  /** Sends it, when there is a way to `destination`. */
  async run(connector: Connector, destination: CoapUri, start: Start): Promise<void> {
    if (this.#patience?.aborted) {
      this.#handleAbort();
      return;
    }
    try {
      const { transport, address } = await connector.connect(destination);
      if (this.#isOver) return;
      this.#transport = transport;
      this.#outgoing = start(transport.endpoint, transport.now(), address, {
        handleResponse: (now, response) => this.#handler.handleResponse(now, response),
        handleProgress: (now, progress) => this.#handler.handleProgress?.(now, progress),
        handleEnd: (now, failure) => {
          this.#settle();
          this.#handler.handleEnd(now, failure);
        },
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives up, without a failure. */
  cancel(): void {
    this.#settle();
    if (this.#transport !== undefined) this.#outgoing?.cancel(this.#transport.now());
  }

  readonly #handleAbort = (): void => {
    const reason: unknown = this.#patience?.reason;
    const isTimeout = reason instanceof DOMException && reason.name === "TimeoutError";
    this.#fail(isTimeout ? new RequestError("timeout", "no response in time", { cause: reason }) : reason);
  };

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#handleFailure(error);
    this.cancel();
  }

  #settle(): void {
    this.#isOver = true;
    this.#patience?.removeEventListener("abort", this.#handleAbort);
  }
}

function signalOf({ signal, timeoutMs }: Patience): AbortSignal | undefined {
  if (timeoutMs === undefined) return signal;
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}
