import type { HttpHandler, HttpMount } from "../listeners/http-mount.js";
import type { AdminContext } from "./admin-context.js";

/** The management API below `/api`. */
export interface AdminOptions {
  /** Bytes of a request's body. Default 1 MiB. */
  readonly maximumBodySize?: number | undefined;
}

/** See {@link AdminOptions}. */
export const ADMIN_DEFAULTS = { maximumBodySize: 1024 * 1024 };

/** `/api`: loaded with the first request. */
export class AdminMount implements HttpMount {
  readonly path = "/api";
  readonly #context: AdminContext;
  readonly #options: AdminOptions;

  constructor(context: AdminContext, options: AdminOptions) {
    this.#context = context;
    this.#options = options;
  }

  async load(): Promise<HttpHandler> {
    const { apiHandler } = await import("./api-handler.js");
    return apiHandler(this.#context, this.#options.maximumBodySize ?? ADMIN_DEFAULTS.maximumBodySize);
  }
}
