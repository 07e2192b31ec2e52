import type { TopicSpace, TopicTarget } from "../requests/topic-space.js";

/** Which topics stand at which paths, and on what terms. */
export interface TopicPlaces {
  /** @throws RequestRefusedError malformed or not-found when `segments` lead to no topic. */
  locate(segments: readonly string[]): TopicTarget;
  /** Whether it can be observed while it has no value; else its observers hear 4.04 when it is cleared. */
  isThereWithoutValue(topic: string): boolean;
  /** More observers get the value alone. */
  maxObservers(topic: string): number;
  /** At least so often a notification asks for an acknowledgement. */
  observerCheckMs(topic: string): number;
  /** @throws RequestRefusedError unsupported-content when this may not be published there. */
  checkContent(topic: string, contentFormat: number | undefined): void;
}

/** All topics, each at the path of its levels below `/t`. */
export class AllTopics implements TopicPlaces {
  readonly #topics: TopicSpace;

  constructor(topics: TopicSpace) {
    this.#topics = topics;
  }

  locate(segments: readonly string[]): TopicTarget {
    return this.#topics.parse(segments.slice(1));
  }

  isThereWithoutValue(): boolean {
    return true;
  }

  maxObservers(): number {
    return Number.POSITIVE_INFINITY;
  }

  observerCheckMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  checkContent(): void {
    // A topic takes what is published to it.
  }
}
