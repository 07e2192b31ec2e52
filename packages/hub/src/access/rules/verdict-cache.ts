import type { Topic } from "@isthmus/exchange";

const SMALLEST = 8;
/** Nine kilobytes of an identity that publishes to that many topics. */
const LARGEST = 1024;

/**
 * Verdicts on the topics that were asked for lately. Each topic has one place, so that finding it costs a comparison; the
 * places double whenever as many topics as there are have lost theirs to another.
 */
export class VerdictCache {
  #topics: (Topic | undefined)[] = new Array<Topic | undefined>(SMALLEST).fill(undefined);
  #verdicts = new Uint8Array(SMALLEST);
  #lost = 0;

  get(topic: Topic): boolean | undefined {
    const place = topic.number & (this.#topics.length - 1);
    return this.#topics[place] === topic ? this.#verdicts[place] === 1 : undefined;
  }

  set(topic: Topic, verdict: boolean): void {
    let place = topic.number & (this.#topics.length - 1);
    if (this.#topics[place] !== undefined && ++this.#lost > this.#topics.length && this.#topics.length < LARGEST) {
      this.#grow();
      place = topic.number & (this.#topics.length - 1);
    }
    this.#topics[place] = topic;
    this.#verdicts[place] = verdict ? 1 : 0;
  }

  #grow(): void {
    const length = this.#topics.length * 2;
    // Who is asked for again soon comes back by itself.
    this.#topics = new Array<Topic | undefined>(length).fill(undefined);
    this.#verdicts = new Uint8Array(length);
    this.#lost = 0;
  }
}
