export { Fifo } from "./fifo.js";
export { InFlightTable, type Numbered } from "./in-flight-table.js";
export { Outbox, OutboxMemory } from "./outbox.js";
export { type Publication, publicationSize, type PublishForm, writePublication } from "./publication.js";
export {
  type ConnectionFailure,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerConnectionOwner,
} from "./server-connection.js";
export {
  type DropReason,
  OutboundEntry,
  type OutboundState,
  ServerSession,
  type ServerSessionOptions,
  type SessionLink,
  type SessionObserver,
} from "./server-session.js";
