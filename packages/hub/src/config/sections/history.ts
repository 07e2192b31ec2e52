import { z } from "zod";
import { HISTORY_DEFAULTS } from "../../history/history-options.js";
import { sizeBytesOr } from "./values.js";

const rule = z.strictObject({
  filter: z.string().min(1).describe("topics, as a topic filter"),
  max_messages: z.int().min(1).optional().describe("messages kept of each topic; default: as the other bounds allow"),
  max_age_ms: z.int().min(1).optional().describe("milliseconds that a message is kept; default: likewise"),
});

/** `history`: which messages are kept to be read later. */
export const historySection = z.strictObject({
  rules: z.array(rule).default([]).describe("what is kept; nothing of topics that no rule is about"),
  max_bytes: sizeBytesOr(HISTORY_DEFAULTS.maxBytes).describe("bytes of all that is kept; beyond it the oldest goes"),
  max_topics: z.int().min(1).default(HISTORY_DEFAULTS.maxTopics).describe("topics of which messages are kept"),
});
