export { Fifo } from "./fifo.js";
export { InFlightTable, type Numbered } from "./in-flight-table.js";
export { OutboundEntry, type OutboundState } from "./outbound-entry.js";
export { OutboundTopicAliases } from "./outbound-topic-aliases.js";
export { Outbox, OutboxMemory } from "./outbox.js";
export { type Publication, publicationSize, type PublishForm, writePublication } from "./publication.js";
export {
  type ConnectionFailure,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerConnectionOwner,
  toReasonString,
} from "./server-connection.js";
export {
  type DropReason,
  type QueueFullPolicy,
  ServerSession,
  type ServerSessionOptions,
  type SessionLink,
  type SessionObserver,
} from "./server-session.js";
