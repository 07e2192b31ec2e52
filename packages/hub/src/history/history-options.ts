/** What is kept of the topics that match a filter: of each the last so many messages, of the last so long. */
export interface HistoryRule {
  /** A topic filter. */
  readonly filter: string;
  /** Messages kept of each topic. Default: as many as the other bounds allow. */
  readonly maxMessages?: number | undefined;
  /** Milliseconds that a message is kept. Default: as long as the other bounds allow. */
  readonly maxAgeMs?: number | undefined;
}

/** What {@link History} keeps. Nothing is kept of topics that no rule is about. */
export interface HistoryOptions {
  /** Where several rules are about a topic, the widest bounds apply. */
  readonly rules: readonly HistoryRule[];
  /** Bytes of all that is kept, as it is stored; beyond it the oldest goes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Topics of which messages are kept; beyond it the one whose last message is the oldest goes. Default 100,000. */
  readonly maxTopics?: number;
}

export const HISTORY_DEFAULTS = { maxBytes: 64 * 1024 * 1024, maxTopics: 100_000 } as const;
