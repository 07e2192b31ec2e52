import { summarize } from "./payload-view.js";
import type { TopicEntry } from "./topic-entry.js";
import type { TopicTable } from "./topic-table.js";

/** A device that is registered with the hub, as its topics below `devices/` tell. */
export interface Device {
  readonly name: string;
  /** `devices/NAME` */
  readonly path: string;
  readonly isOnline: boolean;
  /** Its topics, but for those about the device itself, such as `$online`. */
  readonly resources: readonly TopicEntry[];
}

const PREFIX = "devices/";
const ONLINE = "/$online";

/** The devices of the hub, those online first, by name. */
export function devicesOf(table: TopicTable): Device[] {
  const isOnlineByName = new Map<string, boolean>();
  const resourcesByName = new Map<string, TopicEntry[]>();
  for (const entry of table.entries()) {
    const { topic } = entry;
    if (!topic.startsWith(PREFIX)) continue;
    const end = topic.indexOf("/", PREFIX.length);
    if (end < 0) continue;
    const name = topic.slice(PREFIX.length, end);
    if (topic.slice(end) === ONLINE) isOnlineByName.set(name, isTrue(entry));
    else if (topic[end + 1] !== "$") resourcesByName.set(name, [...(resourcesByName.get(name) ?? []), entry]);
  }
  return Array.from(isOnlineByName, ([name, isOnline]) => {
    const resources = (resourcesByName.get(name) ?? []).sort((a, b) => (a.topic < b.topic ? -1 : 1));
    return { name, path: PREFIX + name, isOnline, resources };
  }).sort((a, b) => Number(b.isOnline) - Number(a.isOnline) || (a.name < b.name ? -1 : 1));
}

function isTrue({ newest }: TopicEntry): boolean {
  return newest !== undefined && summarize(newest.payload) === "true";
}
