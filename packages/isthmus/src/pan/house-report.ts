import type { HouseNode, SimulatedHouse } from "./simulated-house.js";

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  valueOf(row: HouseNode, house: SimulatedHouse): string;
}

/** Every column of the report, from left to right. */
const COLUMNS: readonly Column[] = [
  { title: "node", valueOf: ({ name }) => name },
  { title: "role", valueOf: ({ role }) => role },
  { title: "hops", isNumber: true, valueOf: ({ node, role }, house) => (role === "root" ? "0" : node.addresses.length === 0 ? "-" : String(house.hopsOf(node))) }, // prettier-ignore
  { title: "by way of", valueOf: ({ node, role }, house) => (role === "root" ? "" : house.parentOf(node)) },
  { title: "frames", isNumber: true, valueOf: ({ node }) => String(node.counters.mac.framesSent) },
  { title: "heard", isNumber: true, valueOf: ({ node }) => String(node.counters.mac.framesReceived) },
  { title: "retries", isNumber: true, valueOf: ({ node }) => String(node.counters.mac.retries) },
  { title: "given up", isNumber: true, valueOf: ({ node }) => String(node.counters.adaptation.sendFailures) },
  { title: "packets", isNumber: true, valueOf: ({ node }) => String(node.counters.adaptation.packetsSent) },
  { title: "fragments", isNumber: true, valueOf: ({ node }) => String(node.counters.adaptation.fragmentsSent) },
  { title: "forwarded", isNumber: true, valueOf: ({ node }) => String(node.counters.ipv6.forwarded) },
  { title: "energy", isNumber: true, valueOf: ({ simulated }) => formatJoules(simulated.energy().energyJoules) },
  { title: "battery lasts", isNumber: true, valueOf: (row, house) => batteryLife(row, house.simulation.now) },
];

/** What became of each node and of the air, as a table. */
export function formatReport(house: SimulatedHouse): string {
  const rows = house.nodes.map((row) => COLUMNS.map((column) => column.valueOf(row, house)));
  const widths = COLUMNS.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (COLUMNS[i]?.isNumber === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  const { transmissions, received, lost, collided, busy } = house.simulation.medium.counters;
  const heard = received + lost + collided + busy;
  const share = (part: number): string => `${heard === 0 ? 0 : ((100 * part) / heard).toFixed(1)} %`;
  return [
    line(COLUMNS.map(({ title }) => title)),
    ...rows.map(line),
    "",
    `on the air: ${transmissions} frames; of ${heard} arrivals ${share(received)} received, ${share(lost)} lost, ` +
      `${share(collided)} collided, ${share(busy)} at a receiver that was busy`,
    "",
  ].join("\n");
}

function formatJoules(joules: number): string {
  return joules < 1 ? `${(joules * 1000).toFixed(0)} mJ` : `${joules.toFixed(1)} J`;
}

/** How long the battery would last if it went on so: radios here listen all the time. */
function batteryLife({ plan, simulated }: HouseNode, elapsedMs: number): string {
  const { chargeMah } = simulated.energy();
  if (plan === undefined || chargeMah === 0) return "";
  const hours = (plan.battery_mah / chargeMah) * (elapsedMs / 3_600_000);
  return hours < 48 ? `${hours.toFixed(0)} h` : `${(hours / 24).toFixed(0)} days`;
}
