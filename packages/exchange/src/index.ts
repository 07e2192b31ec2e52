export { Exchange, type ExchangeOptions } from "./exchange.js";
export type { FrameRun } from "./frame-run.js";
export { MemoryStore, type MemoryStoreOptions } from "./memory-store.js";
export { decodeMessage, encodeMessage } from "./message-codec.js";
export { MessageLog } from "./message-log.js";
export {
  createMessage,
  HUB_ORIGIN,
  type Message,
  type MessageInit,
  type MessageProperties,
  type Origin,
  type QoS,
} from "./message.js";
export { RetainedTable } from "./retained-table.js";
export { type Delivery, mergeSubscriptions, type Route, SharedGroup } from "./route.js";
export { type Durability, type Store, StoreError, type StoreKey, TABLES, type TableName } from "./store.js";
export type { Receiver, Subscription, SubscriptionOptions } from "./subscription.js";
export { SubscriptionIndex } from "./subscription-index.js";
export { Topic, TopicTable } from "./topic-table.js";
