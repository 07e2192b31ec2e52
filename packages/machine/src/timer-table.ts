import { type Instant, NEVER } from "./instant.js";

/**
 * The few named timers of one machine (keep alive, retry, expiry): a deadline each, at most one of a name.
 *
 * Made for a handful of names: {@link nextDeadline} looks at each. A machine with a timer per message keeps a queue
 * or a heap instead.
 *
 * @example
 * const timers = new TimerTable<"keepAlive" | "handshake">();
 * timers.set("keepAlive", now + 90_000);
 * for (const name of timers.takeDue(now)) handle(name);
 */
export class TimerTable<Name extends string> {
  readonly #deadlineByName = new Map<Name, Instant>();

  /** Arms `name` for `at`, in place of what it was armed for. */
  set(name: Name, at: Instant): void {
    this.#deadlineByName.set(name, at);
  }

  /** Disarms `name`; nothing happens when it is not armed. */
  cancel(name: Name): void {
    this.#deadlineByName.delete(name);
  }

  /** Disarms all. */
  clear(): void {
    this.#deadlineByName.clear();
  }

  /** When `name` is due; undefined when it is not armed. */
  deadline(name: Name): Instant | undefined {
    return this.#deadlineByName.get(name);
  }

  /** When the first of all timers is due, or {@link NEVER}. */
  nextDeadline(): Instant {
    let next = NEVER;
    for (const at of this.#deadlineByName.values()) if (at < next) next = at;
    return next;
  }

  /** The names that are due at `now`, soonest first, each disarmed. */
  takeDue(now: Instant): Name[] {
    const due: [Instant, Name][] = [];
    for (const [name, at] of this.#deadlineByName) if (at <= now) due.push([at, name]);
    due.sort((a, b) => a[0] - b[0]);
    return due.map(([, name]) => {
      this.#deadlineByName.delete(name);
      return name;
    });
  }
}
