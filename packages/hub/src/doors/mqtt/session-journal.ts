import { ByteReader, decodeUtf8, encodeUtf8, writeUint16 } from "@isthmus/bytes";
import type { Message, MessageLog, Store, Subscription } from "@isthmus/exchange";
import type { QoS } from "@isthmus/mqtt/codec";
import { OutboundEntry, type OutboundState } from "@isthmus/mqtt/session";
import { type MqttMessage, toMqttMessage } from "./mqtt-message.js";
import type { MqttSession } from "./mqtt-session.js";
import { decodeStoredWill, encodeStoredWill, type StoredWill } from "./stored-will.js";

/** A session as the store remembers it. */
export interface StoredSession {
  readonly clientId: string;
  /** Milliseconds that it outlives its connection; Infinity for ever. */
  readonly expiryMs: number;
  /** When its connection ended, in milliseconds since 1970; undefined when the hub ended first. */
  readonly leftAt: number | undefined;
  readonly subscriptions: readonly (readonly [text: string, subscription: Omit<Subscription, "receiver">])[];
  readonly entries: readonly OutboundEntry<MqttMessage>[];
  readonly inbound: readonly number[];
}

/** The state of an entry as a number at rest. */
const STATES: readonly OutboundState[] = ["waiting", "published", "released"];

/**
 * Writes down what has to outlive the process of the sessions that outlive their connections: subscriptions, messages on
 * their way, QoS 2 identifiers. What changes within a turn is written once at its end, and what came and went not at all.
 */
export class SessionJournal {
  readonly #store: Store;
  readonly #log: MessageLog;
  readonly #sessionByChanged = new Map<OutboundEntry<MqttMessage>, MqttSession>();
  #nextRecordNumber = 1;

  constructor(store: Store, log: MessageLog) {
    this.#store = store;
    this.#log = log;
  }

  /** The entry is new, or stands elsewhere on its way. */
  noteChange(session: MqttSession, entry: OutboundEntry<MqttMessage>): void {
    this.#sessionByChanged.set(entry, session);
  }

  /** Nothing more comes of the entry. */
  noteSettled(session: MqttSession, entry: OutboundEntry<MqttMessage>): void {
    this.#sessionByChanged.delete(entry);
    if (entry.recordNumber === 0) return;
    this.#store.delete("queues", [session.clientId, entry.recordNumber]);
    this.#log.release(entry.message);
    entry.recordNumber = 0;
  }

  noteInbound(session: MqttSession, packetIdentifier: number, isInUse: boolean): void {
    const key = [session.clientId, packetIdentifier];
    if (isInUse) this.#store.put("inbound", key, new Uint8Array(0));
    else this.#store.delete("inbound", key);
  }

  /** @param leftAt see {@link StoredSession.leftAt}. */
  saveSession(session: MqttSession, leftAt: number | undefined): void {
    const expiryMs = Number.isFinite(session.expiryMs) ? session.expiryMs : undefined;
    this.#store.put("sessions", [session.clientId], encodeJson({ expiryMs, leftAt }));
  }

  saveSubscription(session: MqttSession, text: string, { receiver: _receiver, ...rest }: Subscription): void {
    this.#store.put("subscriptions", [session.clientId, text], encodeJson(rest));
  }

  removeSubscription(session: MqttSession, text: string): void {
    this.#store.delete("subscriptions", [session.clientId, text]);
  }

  /** The session is over, or from now on ends with its connection. */
  removeSession(session: MqttSession): void {
    const { clientId } = session;
    for (const entry of session.flow.entries()) this.noteSettled(session, entry);
    for (const packetIdentifier of session.flow.inbound()) this.noteInbound(session, packetIdentifier, false);
    for (const text of session.subscriptionByFilter.keys()) this.removeSubscription(session, text);
    this.#store.delete("sessions", [clientId]);
  }

  /** @param leftAt see {@link StoredWill.leftAt}. */
  saveWill(clientId: string, { will, identity }: Omit<StoredWill, "leftAt">, leftAt: number | undefined): void {
    this.#store.put("wills", [clientId], encodeStoredWill({ will, identity, leftAt }));
  }

  /** It was published, or is not to be. */
  removeWill(clientId: string): void {
    this.#store.delete("wills", [clientId]);
  }

  /** All wills of the store, by client identifier. */
  loadWills(): (readonly [clientId: string, will: StoredWill])[] {
    return Array.from(
      this.#store.range("wills", []),
      ([[clientId], value]) => [String(clientId), decodeStoredWill(value)] as const,
    );
  }

  /** Writes what has changed since the last time. Called before each commit. */
  flush(): void {
    if (this.#sessionByChanged.size === 0) return;
    for (const [entry, session] of this.#sessionByChanged) this.#write(entry, session);
    this.#sessionByChanged.clear();
  }

  /** All sessions of the store, with what is on its way to them. Called once, before any session is noted. */
  load(): StoredSession[] {
    const messageBySequence = this.#log.load();
    const stored = Array.from(this.#store.range("sessions", []), ([[clientId], value]) =>
      this.#loadSession(String(clientId), value, (sequence) => {
        const message = messageBySequence.get(sequence);
        return message && encode(message);
      }),
    );
    this.#log.removeUnreferenced(messageBySequence.values());
    return stored;
  }

  #write(entry: OutboundEntry<MqttMessage>, session: MqttSession): void {
    if (entry.recordNumber === 0) {
      entry.recordNumber = this.#nextRecordNumber++;
      this.#log.hold(entry.message);
    }
    this.#store.put("queues", [session.clientId, entry.recordNumber], encodeEntry(entry));
  }

  #loadSession(
    clientId: string,
    value: Uint8Array,
    messageOf: (sequence: number) => MqttMessage | undefined,
  ): StoredSession {
    // Written by saveSession alone.
    const { expiryMs, leftAt } = decodeJson(value) as { expiryMs?: number; leftAt?: number };
    const subscriptions = Array.from(this.#store.range("subscriptions", [clientId]), ([[, text], record]) => {
      // Written by saveSubscription alone.
      return [String(text), decodeJson(record) as Omit<Subscription, "receiver">] as const;
    });
    const entries: OutboundEntry<MqttMessage>[] = [];
    for (const [[, recordNumber], record] of this.#store.range("queues", [clientId])) {
      this.#nextRecordNumber = Math.max(this.#nextRecordNumber, Number(recordNumber) + 1);
      const entry = decodeEntry(record, messageOf);
      if (entry === undefined) continue;
      entry.recordNumber = Number(recordNumber);
      this.#log.hold(entry.message);
      entries.push(entry);
    }
    const inbound = Array.from(this.#store.range("inbound", [clientId]), ([[, identifier]]) => Number(identifier));
    return { clientId, expiryMs: expiryMs ?? Number.POSITIVE_INFINITY, leftAt, subscriptions, entries, inbound };
  }
}

/*
 * An entry at rest:
 *
 *    0 .. 7           8 .. 9       10      11             then, 4 bytes each
 *   +----------------+------------+-------+--------------+-------------------------
 *   | sequence, u64  | packet id  | state | QoS, +80, +40| subscription identifiers
 *   +----------------+------------+-------+--------------+-------------------------
 *
 * 0x80 is the retain flag, 0x40 says that it was sent before.
 */
function encodeEntry(entry: OutboundEntry<MqttMessage>): Uint8Array {
  const { sequence } = entry.message;
  const { identifiers = [] } = entry;
  const bytes = new Uint8Array(12 + 4 * identifiers.length);
  writeUint32(bytes, 0, Math.floor(sequence / 0x1_0000_0000));
  writeUint32(bytes, 4, sequence >>> 0);
  writeUint16(bytes, 8, entry.packetIdentifier);
  bytes[10] = STATES.indexOf(entry.state);
  bytes[11] = entry.qos | (entry.retain ? 0x80 : 0) | (entry.isSent ? 0x40 : 0);
  for (const [index, identifier] of identifiers.entries()) writeUint32(bytes, 12 + 4 * index, identifier);
  return bytes;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  writeUint16(bytes, at, value >>> 16);
  writeUint16(bytes, at + 2, value & 0xffff);
}

function decodeEntry(
  record: Uint8Array,
  messageOf: (sequence: number) => MqttMessage | undefined,
): OutboundEntry<MqttMessage> | undefined {
  const reader = new ByteReader(record);
  const message = messageOf(reader.uint32() * 0x1_0000_0000 + reader.uint32());
  const packetIdentifier = reader.uint16();
  const state = STATES[reader.uint8()];
  const flags = reader.uint8();
  const identifiers: number[] = [];
  while (reader.remaining > 0) identifiers.push(reader.uint32());
  if (message === undefined || state === undefined) return undefined;
  const qos: QoS = (flags & 0x03) === 2 ? 2 : 1;
  const own = identifiers.length > 0 ? identifiers : undefined;
  const entry = new OutboundEntry(message, qos, (flags & 0x80) !== 0, own, undefined);
  entry.packetIdentifier = packetIdentifier;
  entry.state = state;
  entry.isSent = (flags & 0x40) !== 0;
  return entry;
}

/** Undefined for what an older version took and MQTT has no form for: it must not keep the hub from starting. */
function encode(message: Message): MqttMessage | undefined {
  try {
    return toMqttMessage(message);
  } catch {
    return undefined;
  }
}

function encodeJson(value: unknown): Uint8Array {
  return encodeUtf8(JSON.stringify(value));
}

function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(decodeUtf8(bytes));
}
