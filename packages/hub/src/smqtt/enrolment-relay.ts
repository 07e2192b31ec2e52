import type { IncomingMessage, ServerResponse } from "node:http";
import { isEnrolTopic, ticketOf } from "@isthmus/smqtt";
import { readHttpBody } from "../listeners/http-body.js";
import type { ExchangeClient } from "./exchange-client.js";
import { SMQTT_DEFAULTS, type SmqttEnrolmentOptions } from "./smqtt-options.js";

/** Longest request that is carried; they have about 240 bytes. */
const MAX_REQUEST_BYTES = 1024;
const TEXT = "text/plain; charset=utf-8";

/**
 * Enrolment over HTTP: `POST /smqtt/enrol/<authority>` publishes the request to the topic of that name, where the
 * authority listens, and answers with its answer. Both are sealed; the hub learns nothing from them.
 */
export class EnrolmentRelay {
  readonly #client: ExchangeClient;
  readonly #maxWaiting: number;
  readonly #timeoutMs: number;
  #waiting = 0;

  constructor(client: ExchangeClient, { maxWaiting, timeoutMs }: SmqttEnrolmentOptions = {}) {
    this.#client = client;
    this.#maxWaiting = maxWaiting ?? SMQTT_DEFAULTS.enrolment.maxWaiting;
    this.#timeoutMs = timeoutMs ?? SMQTT_DEFAULTS.enrolment.timeoutMs;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const topic = new URL(request.url ?? "/", "http://hub").pathname.slice(1);
    if (!isEnrolTopic(topic)) return refuse(response, 404, "no authority has this name");
    if (request.method !== "POST") return refuse(response, 405, "POST a request", { allow: "POST" });
    if (this.#waiting >= this.#maxWaiting)
      return refuse(response, 503, "too many devices enrol", { "retry-after": "5" });
    this.#waiting++;
    try {
      const body = await readHttpBody(request, MAX_REQUEST_BYTES);
      if (body === undefined) return refuse(response, 413, `a request has at most ${MAX_REQUEST_BYTES} bytes`);
      await this.#carry(topic, body, response);
    } catch {
      response.destroy(); // the device has gone
    } finally {
      this.#waiting--;
    }
  }

  async #carry(topic: string, request: Uint8Array, response: ServerResponse): Promise<void> {
    const answers = await this.#client.subscribe(`${topic}/${ticketOf(request)}`);
    const end = (): void => void answers.close();
    const timer = setTimeout(end, this.#timeoutMs);
    response.once("close", end);
    try {
      const receivers = await this.#client.publish(topic, request, { qos: 1 });
      if (receivers === 0) return refuse(response, 503, "the authority is not there", { "retry-after": "60" });
      for await (const { payload } of answers) {
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": payload.length });
        response.end(payload);
        return;
      }
      if (!response.destroyed) refuse(response, 504, "the authority has not answered");
    } finally {
      clearTimeout(timer);
      await answers.close();
    }
  }
}

function refuse(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headers, "content-type": TEXT, connection: "close" });
  response.end(`${text}\n`);
}
