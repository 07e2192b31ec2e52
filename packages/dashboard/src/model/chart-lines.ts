import { numbersOf } from "./payload-view.js";
import type { KeptMessage } from "./topic-entry.js";

/** A number at an instant of the page's clock, in milliseconds. */
export interface ChartPoint {
  readonly at: number;
  readonly value: number;
}

/** One number of a topic over time: `value`, or a field of its JSON. */
export interface ChartLine {
  readonly name: string;
  readonly points: readonly ChartPoint[];
}

/** Values that an axis goes over, with round ones between. */
export interface ChartScale {
  readonly minimum: number;
  readonly maximum: number;
  readonly ticks: readonly number[];
}

/** The numbers that the newest message has, over all messages that have them; none where that is only one. */
export function chartLines(messages: readonly KeptMessage[]): ChartLine[] {
  const newest = messages.at(-1);
  if (newest === undefined) return [];
  const pointsByName = new Map<string, ChartPoint[]>();
  for (const name of numbersOf(newest.payload).keys()) pointsByName.set(name, []);
  if (pointsByName.size === 0) return [];
  for (const { payload, receivedAt } of messages) {
    for (const [name, value] of numbersOf(payload)) pointsByName.get(name)?.push({ at: receivedAt, value });
  }
  return Array.from(pointsByName, ([name, points]) => ({ name, points })).filter(({ points }) => points.length > 1);
}

/** What is larger is off the chart: differences of larger ones would be infinite. */
const LARGEST = 1e300;
/** A difference that can still be seen as one beside larger values, and any at all. */
const LEAST_SPAN = { relative: 1e-9, absolute: 1e-100 };

/** A scale for the values, with ticks at 1, 2 or 5 times a power of ten. */
export function chartScale(values: Iterable<number>): ChartScale {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  [low, high] = [Math.max(low, -LARGEST), Math.min(high, LARGEST)];
  if (low > high) return { minimum: 0, maximum: 1, ticks: [0, 1] };
  const size = Math.max(Math.abs(low), Math.abs(high));
  // A line that does not move is in the middle.
  const room = high > low ? 0 : Math.max(size * 0.1, 0.5);
  const span = Math.max(high - low + 2 * room, size * LEAST_SPAN.relative, LEAST_SPAN.absolute);
  const step = roundStep(span / 3);
  const from = Math.floor((low - room) / step);
  const to = Math.max(Math.ceil((high + room) / step), from + 1);
  const ticks: number[] = [];
  // What does not add up in binary stays round.
  for (let at = from; at <= to; at++) ticks.push(Number((at * step).toPrecision(12)));
  return { minimum: Math.min(low, from * step), maximum: Math.max(high, to * step), ticks };
}

/** The next larger of 1, 2 or 5 times a power of ten. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 5].find((each) => each * power >= step) ?? 10;
  return factor * power;
}
