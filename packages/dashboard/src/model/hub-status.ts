import { formatBytes, formatCount, formatDuration, formatRate } from "./format.js";
import type { ReceivedMessage } from "./topic-entry.js";
import { summarize } from "./payload-view.js";

const PREFIX = "$SYS/broker/";
/** What it keeps of the hub's word: there are some sixty. */
const MAX_VALUES = 500;

/** One thing that the hub says of itself. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** What the hub says below `$SYS/broker/`. */
export class HubStatus {
  readonly #valueByName = new Map<string, string>();

  /** Takes a message below `$SYS/`. */
  receive({ topic, payload }: Pick<ReceivedMessage, "topic" | "payload">): void {
    if (!topic.startsWith(PREFIX)) return;
    const name = topic.slice(PREFIX.length);
    if (this.#valueByName.size >= MAX_VALUES && !this.#valueByName.has(name)) return;
    this.#valueByName.set(name, summarize(payload));
  }

  clear(): void {
    this.#valueByName.clear();
  }

  /** What a person wants to know first. What the hub does not tell is left out. */
  facts(): Fact[] {
    const values = this.#valueByName;
    const facts: Fact[] = [];
    const add = (name: string, topic: string, format: (value: string) => string): void => {
      const value = values.get(topic);
      if (value !== undefined) facts.push({ name, value: format(value) });
    };
    const perMinute = (value: string): string => formatRate(Number(value) / 60) || "0/s";
    const count = (value: string): string => formatCount(Number(value));
    add("Clients", "clients/connected", count);
    add("Published", "load/publish/received/1min", perMinute);
    add("Delivered", "load/publish/sent/1min", perMinute);
    add("Subscriptions", "subscriptions/count", count);
    add("Retained", "retained messages/count", count);
    add("Dropped", "publish/messages/dropped", count);
    add("Heap", "heap/current", (value) => formatBytes(Number(value)));
    add("Uptime", "uptime", (value) => formatDuration(Number.parseInt(value, 10)));
    add("Version", "version", (value) => value.replace(/^isthmus version /, ""));
    return facts;
  }

  /** All of it, by name. */
  values(): Fact[] {
    return Array.from(this.#valueByName, ([name, value]) => ({ name, value })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  }
}
