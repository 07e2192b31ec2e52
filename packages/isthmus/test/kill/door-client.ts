import { createClient } from "@isthmus/coap";

/** One door of the hub, as a client of requests and responses sees it. */
export interface DoorClient {
  /** Sets the value of `topic`, or tells an event. @returns once the hub has acknowledged it. */
  publish(topic: string, text: string, kind: "value" | "event", signal: AbortSignal): Promise<void>;
  /** The value of `topic`; undefined without one. */
  read(topic: string, signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}

/** The hub answered, and not as it should. */
export class WrongAnswerError extends Error {
  override readonly name = "WrongAnswerError";
}

/** Confirmable requests to `/t/TOPIC`: acknowledged by 2.01 and 2.04. */
export function openCoapClient(url: string): DoorClient {
  const client = createClient();
  const uri = (topic: string): string => `${url}/t/${topic}`;
  return {
    async publish(topic, body, kind, signal) {
      const method = kind === "value" ? "PUT" : "POST";
      const { status } = await client.request(uri(topic), { method, body, signal });
      check(status === "2.01" || status === "2.04", `CoAP ${method} ${topic}: ${status}`);
    },
    async read(topic, signal) {
      const response = await client.request(uri(topic), { signal });
      check(response.ok || response.status === "4.04", `CoAP GET ${topic}: ${response.status}`);
      return response.ok ? response.text() : undefined;
    },
    close: () => client.close(),
  };
}

/** Requests to `/topics/TOPIC`: acknowledged by 2xx. */
export function openHttpClient(url: string): DoorClient {
  const target = (topic: string): string => `${url}/topics/${topic}`;
  return {
    async publish(topic, body, kind, signal) {
      const method = kind === "value" ? "PUT" : "POST";
      const response = await fetch(target(topic), { method, body, signal });
      await response.arrayBuffer();
      check(response.ok, `HTTP ${method} ${topic}: ${response.status}`);
    },
    async read(topic, signal) {
      const response = await fetch(target(topic), { signal });
      const text = await response.text();
      check(response.ok || response.status === 404, `HTTP GET ${topic}: ${response.status}`);
      return response.ok ? text : undefined;
    },
    // Its connections end with the hub.
    close: () => Promise.resolve(),
  };
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new WrongAnswerError(what);
}
