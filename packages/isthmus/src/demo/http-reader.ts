/** What a web service sees of the house: an event of the hub's event stream. */
export interface HttpEvent {
  readonly topic: string;
  readonly payload: string;
  /** The door that the message came in by. */
  readonly door: string;
}

/** The HTTP side of the house: reads the event stream of a filter, as a web page or a webhook would. */
export class HttpReader {
  readonly #ending = new AbortController();
  readonly #done: Promise<void>;

  /** @param hub the hub's HTTP URL. */
  constructor(hub: string, filter: string, handleEvent: (event: HttpEvent) => void) {
    this.#done = this.#read(`${hub}/topics/${encodeURIComponent(filter)}`, handleEvent);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#done;
  }

  async #read(url: string, handleEvent: (event: HttpEvent) => void): Promise<void> {
    try {
      const headers = { accept: "text/event-stream" };
      const { body } = await fetch(url, { headers, signal: this.#ending.signal });
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) this.#handle(event, handleEvent);
      }
    } catch (error) {
      // Ending is how it ends.
      if (!this.#ending.signal.aborted) throw error;
    }
  }

  #handle(event: string, handleEvent: (event: HttpEvent) => void): void {
    const data = event
      .split("\n")
      .flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trim()] : []))
      .join("\n");
    if (data === "") return;
    // The hub's own form of a message.
    const message = JSON.parse(data) as { topic?: string; payload?: string; payloadBase64?: string; door?: string };
    if (message.topic === undefined) return;
    handleEvent({
      topic: message.topic,
      payload: message.payload ?? message.payloadBase64 ?? "",
      door: message.door ?? "?",
    });
  }
}
