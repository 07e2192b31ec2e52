import { LoopbackMeter, type Traffic } from "./loopback-meter.js";
import { type ComparedHub, type Reading, type Way, WAYS } from "./ways.js";

/** What one way takes. */
export interface Comparison {
  readonly name: string;
  /** One reading, with all that it takes to begin and to end. */
  readonly once: Traffic;
  readonly firstRoundTrips: string;
  /** Each of many readings, one after the other on what was opened. */
  readonly each: Traffic;
  readonly nextRoundTrips: string;
  /** Milliseconds for one of many. */
  readonly timeMs: number;
}

/**
 * Sends the same reading by every way: once, and `count` times.
 *
 * @param handleProgress called with the name of each way before it is measured.
 */
export async function compareWays(
  hub: ComparedHub,
  reading: Reading,
  count: number,
  handleProgress: (name: string) => void,
): Promise<Comparison[]> {
  const meter = new LoopbackMeter();
  const comparisons: Comparison[] = [];
  for (const way of WAYS) {
    handleProgress(way.name);
    comparisons.push(await compareWay(meter, way, hub, reading, count));
  }
  return comparisons;
}

async function compareWay(
  meter: LoopbackMeter,
  way: Way,
  hub: ComparedHub,
  reading: Reading,
  count: number,
): Promise<Comparison> {
  const once = await meter.measure(async () => {
    const sender = await way.open(hub, reading);
    await sender.send();
    await sender.close();
  });
  const sender = await way.open(hub, reading);
  // The first of them is another: an alias is told, a connection opened.
  await sender.send();
  let elapsedMs = 0;
  const all = await meter.measure(async () => {
    const startedAt = performance.now();
    for (let sent = 0; sent < count; sent++) await sender.send();
    elapsedMs = performance.now() - startedAt;
  });
  await sender.close();
  const [firstRoundTrips, nextRoundTrips] = way.roundTrips;
  return {
    name: way.name,
    once,
    firstRoundTrips,
    each: { bytes: all.bytes / count, packets: all.packets / count },
    nextRoundTrips,
    timeMs: elapsedMs / count,
  };
}

const COLUMNS = ["way", "bytes", "packets", "round trips", "bytes each", "packets each", "round trips each", "ms each"];

/** The comparison as a table of Markdown, which reads well on a terminal too. */
export function formatComparison(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ name, once, firstRoundTrips, each, nextRoundTrips, timeMs }) => [
    name,
    String(once.bytes),
    String(once.packets),
    firstRoundTrips,
    each.bytes.toFixed(0),
    each.packets.toFixed(2),
    nextRoundTrips,
    timeMs.toFixed(3),
  ]);
  const widths = COLUMNS.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(COLUMNS), line(rule), ...rows.map(line)].join("\n");
}
