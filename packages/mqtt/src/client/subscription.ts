import { MessageStream, type StreamPort } from "./message-stream.js";

/**
 * A subscription: the stream of the messages that match its topic filters. Leaving its `for await` loop, or
 * {@link MessageStream.close}, unsubscribes.
 */
export class Subscription extends MessageStream {
  readonly topicFilters: readonly string[];
  #reasonCodes: readonly number[] = [];

  constructor(topicFilters: readonly string[], port: StreamPort) {
    super(port);
    this.topicFilters = topicFilters;
  }

  /** What the server said to each filter: the granted QoS, or 0x80 and above for a refusal (3.9.3). */
  get reasonCodes(): readonly number[] {
    return this.#reasonCodes;
  }

  /** SUBACK came in. */
  setReasonCodes(reasonCodes: readonly number[]): void {
    this.#reasonCodes = reasonCodes;
  }
}
