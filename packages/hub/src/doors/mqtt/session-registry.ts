import { toHex } from "@isthmus/bytes";
import { type Origin, SharedGroup } from "@isthmus/exchange";
import { DeadlineQueue, NEVER, type Scheduled } from "@isthmus/machine";
import { type ConnectPacket, ReasonCode } from "@isthmus/mqtt/codec";
import type { OutboundEntry } from "@isthmus/mqtt/session";
import type { Identity } from "../../access/access.js";
import type { MqttDoor } from "./mqtt-door.js";
import type { MqttMessage } from "./mqtt-message.js";
import { MqttSession } from "./mqtt-session.js";
import type { StoredSession } from "./session-journal.js";
import type { StoredWill } from "./stored-will.js";
import { type PendingWill, pendingWill, willFromConnect } from "./will.js";

/** What happens to a session later, unless its client comes back first. */
type Event =
  | { readonly type: "expire"; readonly session: MqttSession }
  | { readonly type: "will"; readonly session: MqttSession };

interface OpenedSession {
  readonly session: MqttSession;
  /** Whether it is one that the client had before. [MQTT-3.2.2-3] */
  readonly isPresent: boolean;
  /** Whether the server made up the client identifier. */
  readonly isAssigned: boolean;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** All sessions by client identifier: who takes over whose, and what becomes of those whose client has left. */
export class SessionRegistry {
  readonly #door: MqttDoor;
  readonly #sessionByClientId = new Map<string, MqttSession>();
  readonly #willBySession = new Map<MqttSession, PendingWill>();
  readonly #events = new DeadlineQueue<Event>();
  readonly #scheduledBySession = new Map<MqttSession, Scheduled<Event>[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(door: MqttDoor) {
    this.#door = door;
  }

  /**
   * The session for a CONNECT: the one that there is, or a new one. A connection that holds it is closed.
   *
   * @throws MqttProtocolError for a will that cannot be published; nothing has changed then.
   */
  open(packet: ConnectPacket, identity: Identity): OpenedSession {
    const isAssigned = packet.clientId === "";
    const clientId = isAssigned ? this.#assignClientId() : packet.clientId;
    const will = willFromConnect(this.#door, { ...identity, clientId }, packet);
    // [MQTT-3.1.4-3]
    this.#sessionByClientId.get(clientId)?.connection?.disconnect(ReasonCode.sessionTakenOver, "session taken over");
    // A session without expiry has ended just now, with its connection.
    const existing = this.#sessionByClientId.get(clientId);
    if (existing !== undefined) this.#cancelEvents(existing);
    if (existing !== undefined && packet.cleanStart) this.#end(existing);
    const isPresent = existing !== undefined && !packet.cleanStart;
    const session = isPresent ? existing : new MqttSession(clientId, this.#door);
    this.#sessionByClientId.set(clientId, session);
    this.changeExpiry(session, this.#expiryOf(packet));
    if (will === undefined) this.#dropWill(session);
    else {
      this.#willBySession.set(session, will);
      this.#door.journal?.saveWill(clientId, will, undefined);
    }
    this.#count();
    return { session, isPresent, isAssigned };
  }

  /** A session that comes to outlive its connections is written down from now on, one that no longer does is not. */
  changeExpiry(session: MqttSession, expiryMs: number): void {
    if (expiryMs === 0) session.journal?.removeSession(session);
    session.expiryMs = expiryMs;
    session.journal?.saveSession(session, undefined);
  }

  /** The connection of `session` has ended; gracefully means with a DISCONNECT that asks for no will. */
  leave(session: MqttSession, isGraceful: boolean): void {
    session.detach();
    const will = this.#willBySession.get(session);
    const { monotonic: now, epoch } = this.#door.clock;
    if (isGraceful) this.#dropWill(session);
    else if (will !== undefined && will.delayMs === 0) this.#publishWill(session);
    else if (will !== undefined) {
      // The will is due after its delay, or with the end of the session. [MQTT-3.1.3-9]
      if (will.delayMs < session.expiryMs) this.#schedule({ type: "will", session }, now + will.delayMs);
      this.#door.journal?.saveWill(session.clientId, will, epoch);
    }
    session.journal?.saveSession(session, epoch);
    if (session.expiryMs === 0) this.#end(session);
    else if (Number.isFinite(session.expiryMs)) this.#schedule({ type: "expire", session }, now + session.expiryMs);
    this.#door.flushScheduler.arm();
  }

  /** Puts back what the store remembers. Called once, before the first CONNECT. */
  restore(stored: readonly StoredSession[]): void {
    for (const each of stored) this.#restoreSession(each);
    for (const [clientId, will] of this.#door.journal?.loadWills() ?? []) this.#restoreWill(clientId, will);
    // Those that have expired while the hub was away, their wills with them.
    this.#handleTimeout();
    this.#count();
  }

  #restoreSession({ clientId, expiryMs, leftAt, subscriptions, entries, inbound }: StoredSession): void {
    const { clock, exchange } = this.#door;
    const session = new MqttSession(clientId, this.#door);
    session.expiryMs = expiryMs;
    this.#sessionByClientId.set(clientId, session);
    for (const [text, rest] of subscriptions) {
      const subscription = { ...rest, receiver: session };
      session.subscriptionByFilter.set(text, subscription);
      exchange.subscribe(subscription);
    }
    session.flow.restore(entries, inbound);
    // A client that was connected when the hub ended has been away since then.
    if (leftAt === undefined) session.journal?.saveSession(session, clock.epoch);
    const restMs = expiryMs - awayMs(leftAt, clock.epoch);
    if (Number.isFinite(restMs)) this.#schedule({ type: "expire", session }, clock.monotonic + Math.max(0, restMs));
  }

  /** The connection that it belongs to is gone, if only with the hub. [MQTT-3.1.2-8] */
  #restoreWill(clientId: string, { will, identity, leftAt }: StoredWill): void {
    const { clock, journal } = this.#door;
    const pending = pendingWill(this.#door, identity, will);
    // A session that is not there ended with its connection, and the will is due with that. [MQTT-3.1.3-9]
    const session = this.#sessionByClientId.get(clientId) ?? new MqttSession(clientId, this.#door);
    this.#willBySession.set(session, pending);
    const restMs = Math.min(pending.delayMs, session.expiryMs) - awayMs(leftAt, clock.epoch);
    if (restMs <= 0) this.#publishWill(session);
    else {
      this.#schedule({ type: "will", session }, clock.monotonic + restMs);
      if (leftAt === undefined) journal?.saveWill(clientId, pending, clock.epoch);
    }
  }

  /** Ends a session before its time. */
  remove(session: MqttSession): void {
    if (this.#sessionByClientId.get(session.clientId) === session) this.#end(session);
  }

  all(): Iterable<MqttSession> {
    return this.#sessionByClientId.values();
  }

  get(clientId: string): MqttSession | undefined {
    return this.#sessionByClientId.get(clientId);
  }

  /** The session that published under `origin`, if it is one of ours. */
  find(origin: Origin): MqttSession | undefined {
    return origin.receiver instanceof MqttSession ? origin.receiver : undefined;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #end(session: MqttSession): void {
    this.#cancelEvents(session);
    session.journal?.removeSession(session);
    if (this.#sessionByClientId.get(session.clientId) === session) this.#sessionByClientId.delete(session.clientId);
    for (const { filter, shareName } of session.subscriptionByFilter.values()) {
      this.#door.exchange.unsubscribe(session, filter, shareName);
    }
    session.subscriptionByFilter.clear();
    for (const entry of session.flow.clear()) this.#passOn(session, entry);
    this.#publishWill(session);
    this.#count();
  }

  /**
   * What a member of a shared subscription leaves undelivered goes to another member, unless it is a QoS 2 message that
   * the first one may have got. [MQTT-4.8.2-5]
   */
  #passOn(session: MqttSession, entry: OutboundEntry<MqttMessage>): void {
    if (!(entry.tag instanceof SharedGroup) || (entry.qos === 2 && entry.isSent)) return;
    const delivery = entry.tag.pick(session, entry.message.topic);
    delivery?.receiver.deliver(entry.message, delivery);
  }

  #publishWill(session: MqttSession): void {
    const will = this.#willBySession.get(session);
    if (will === undefined) return;
    this.#dropWill(session);
    will.publish(session.origin);
  }

  #dropWill(session: MqttSession): void {
    if (this.#willBySession.delete(session)) this.#door.journal?.removeWill(session.clientId);
  }

  #expiryOf(packet: ConnectPacket): number {
    if (packet.protocolVersion === 5) return this.#door.sessionExpiryMs(packet.properties?.sessionExpiryInterval ?? 0);
    // Clean Session of the older versions: the session ends with its connection or lasts (3.1.2.4 of MQTT 3.1.1).
    return packet.cleanStart ? 0 : this.#door.sessionExpiryMs(0xffff_ffff);
  }

  #schedule(event: Event, at: number): void {
    const scheduled = this.#scheduledBySession.get(event.session) ?? [];
    scheduled.push(this.#events.add(event, at));
    this.#scheduledBySession.set(event.session, scheduled);
    this.#armTimer();
  }

  #cancelEvents(session: MqttSession): void {
    for (const scheduled of this.#scheduledBySession.get(session) ?? []) this.#events.cancel(scheduled);
    this.#scheduledBySession.delete(session);
    this.#armTimer();
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const deadline = this.#events.nextDeadline();
    if (deadline === NEVER) return;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(1, Math.ceil(deadline - performance.now())));
    this.#timer = setTimeout(() => this.#handleTimeout(), waitMs).unref();
  }

  #handleTimeout(): void {
    const now = this.#door.clock.tick().monotonic;
    for (let event = this.#events.takeDue(now); event !== undefined; event = this.#events.takeDue(now)) {
      if (event.type === "will") this.#publishWill(event.session);
      else {
        this.#door.metrics.sessionsExpired++;
        this.#end(event.session);
      }
    }
    this.#door.flushScheduler.arm();
    this.#armTimer();
  }

  #assignClientId(): string {
    // Loaded when first needed: it takes three megabytes.
    return `isthmus-${toHex(process.getBuiltinModule("node:crypto").randomBytes(8))}`;
  }

  #count(): void {
    this.#door.metrics.sessions = this.#sessionByClientId.size;
  }
}

/** Clocks may be set back. */
function awayMs(leftAt: number | undefined, epoch: number): number {
  return leftAt === undefined ? 0 : Math.max(0, epoch - leftAt);
}
