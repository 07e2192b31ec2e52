export { parseSharedFilter, SHARED_PREFIX, type SharedFilter } from "./shared-filter.js";
export { parseTopicFilter, type TopicFilter } from "./topic-filter.js";
export type { TopicLimits } from "./topic-limits.js";
export { topicMatches } from "./topic-matches.js";
export { parseTopicName, parseTopicNameBytes, type TopicName } from "./topic-name.js";
export { TopicSyntaxError } from "./topic-syntax-error.js";
