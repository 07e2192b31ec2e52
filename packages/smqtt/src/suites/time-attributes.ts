import type { Attribute } from "../abe/attribute.js";
import type { Validity } from "./suite.js";

/**
 * Time as attributes: a tree of years, months, days and hours in UTC.
 *
 * A ciphertext is of one hour and of the day, month and year around it; a key of a period has the fewest nodes that
 * together are the period. One of the key's nodes is among the ciphertext's exactly when the hour is in the period.
 */
const HOUR_SECONDS = 3600;

interface TimeUnit {
  readonly name: string;
  /** Characters of an ISO 8601 instant that name a node of this unit. */
  readonly length: number;
  /** Months to go on, or seconds when that is fixed. */
  readonly step: { readonly months: number } | { readonly seconds: number };
}

const UNITS: readonly TimeUnit[] = [
  { name: "Y", length: "2025".length, step: { months: 12 } },
  { name: "M", length: "2025-11".length, step: { months: 1 } },
  { name: "D", length: "2025-11-22".length, step: { seconds: 24 * HOUR_SECONDS } },
  { name: "H", length: "2025-11-22T21".length, step: { seconds: HOUR_SECONDS } },
];
const EPOCH = "1970-01-01T00:00:00.000Z";
const LAST_YEAR_END = Date.UTC(10_000, 0) / 1000;
/** A key for more would have more nodes than a policy of a key holds. */
const MAX_YEARS = 100;

/** The four nodes that the hour of `time` is in. @param time Unix seconds. */
export function timeAttributes(time: number): Attribute[] {
  const instant = isoInstant(time);
  return UNITS.map((unit) => nodeAttribute(unit, instant));
}

/**
 * The nodes of a period, in order. The hours that it begins and ends in are in it whole.
 *
 * @throws RangeError when the period is empty, or longer than a hundred years.
 */
export function timeCover({ from, until }: Validity): Attribute[] {
  if (!(from < until)) throw new RangeError(`a period from ${from} until ${until} is empty`);
  if (until - from > MAX_YEARS * 366 * 24 * HOUR_SECONDS)
    throw new RangeError(`a period of more than ${MAX_YEARS} years`);
  const end = Math.ceil(until / HOUR_SECONDS) * HOUR_SECONDS;
  const nodes: Attribute[] = [];
  for (let at = Math.floor(from / HOUR_SECONDS) * HOUR_SECONDS; at < end;) {
    const instant = isoInstant(at);
    // The largest unit that begins here and ends within the period; an hour always does.
    const unit = UNITS.find((unit) => isStartOf(unit, instant) && nextAfter(unit, at) <= end) ?? UNITS[3];
    if (unit === undefined) throw new RangeError("no unit of time");
    nodes.push(nodeAttribute(unit, instant));
    at = nextAfter(unit, at);
  }
  return nodes;
}

function nodeAttribute({ name, length }: TimeUnit, instant: string): Attribute {
  return `@time/${name}=${instant.slice(0, length)}`;
}

function isStartOf({ length }: TimeUnit, instant: string): boolean {
  return instant.slice(length) === EPOCH.slice(length);
}

function nextAfter({ step }: TimeUnit, at: number): number {
  if ("seconds" in step) return at + step.seconds;
  const date = new Date(at * 1000); // a calendar computation: no clock is read
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + step.months) / 1000;
}

/** @throws RangeError outside the years 1970 to 9999, whose names have four digits. */
function isoInstant(time: number): string {
  if (!(time >= 0 && time < LAST_YEAR_END)) throw new RangeError(`${time} is not within the years 1970 to 9999`);
  return new Date(time * 1000).toISOString();
}
