import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { createHub, ListenError } from "@isthmus/hub";
import type { ObservedTransmission } from "@isthmus/lowpan/medium";
import { parseArguments } from "../coap/operands.js";
import { isTerminal } from "../coap/output-flags.js";
import { type Command, type Terminal, UsageError } from "../command.js";
import { decimal, type FlagTable, integer, renderHelp, text, value } from "../flags.js";
import { createLog } from "../log.js";
import { CaptureFile } from "../pan/capture-file.js";
import { type HousePlan, parseHousePlan } from "../pan/house-plan.js";
import { formatReport } from "../pan/house-report.js";
import { SimulatedHouse } from "../pan/simulated-house.js";

const port = (names: string, help: string) => integer(names, "PORT", help, [0, 65_535]);

const RUN_FLAGS = {
  seed: integer("--seed", "N", "seed of all that happens by chance, over that of the file", [0, 2 ** 31]),
  speed: decimal("--speed", "X", "how many times as fast as ours the house's time goes (1)", 0.1),
  loss: decimal("--loss", "P", "part of the frames that each link loses, from 0 to 0.99, over that of the file", 0),
  duration: value("--duration", "TIME", "how long it lasts in the house, as 90s, 10m or 2h (until Ctrl-C)", parseDuration), // prettier-ignore
  zep: text("--zep", "ADDR:PORT", "the nodes meet at a ZEP dispatcher, as a hub with pan: in its configuration is one, in our time; no radio and no hub of its own"), // prettier-ignore
  pcap: text("--pcap", "FILE", "writes all frames on the air as pcapng, for Wireshark and isthmus pan decode"),
} as const satisfies FlagTable;

const HUB_FLAGS = {
  mqttPort: port("--mqtt-port", "the hub's MQTT door (1883); 0 picks a free port"),
  coapPort: port("--coap-port", "its CoAP door (5683); 0 likewise"),
  httpPort: port("--http-port", "its HTTP door (8080); 0 likewise"),
} as const satisfies FlagTable;

const EXAMPLE_HOUSE = `A house:
  radio: { range: 10, loss: 0.2 }       # or without a range: distance decides
  border_router: { at: [0, 0] }
  nodes:
    - { name: hall,    role: router, at: [8, 0],  resources: [door] }
    - { name: kitchen, role: router, at: [15, 2], resources: [temperature, light] }
    - { name: attic,   at: [21, 0], resources: [temperature] }
`;

/** `isthmus pan simulate`: a house of constrained nodes, and the hub as its border router. */
export const command: Command = {
  help: `${renderHelp({
    summary:
      "Simulates a house of constrained nodes: radio, 6LoWPAN, RPL and CoAP, with a hub as their border router.\n" +
      "What they measure appears as topics devices/NODE/..., and coap://HUB/NODE/... reads it from the node.",
    usage: ["isthmus pan simulate [flags] HOUSE.yaml"],
    groups: [
      { title: "Simulation", flags: RUN_FLAGS },
      { title: "Hub", flags: HUB_FLAGS },
    ],
    examples: [
      "isthmus pan simulate house.yaml",
      "isthmus pan simulate --zep '[::1]:17754' house.yaml",
      "isthmus pan simulate --speed 20 --loss 0.3 --duration 10m --pcap house.pcapng house.yaml",
    ],
    exitCodes: ["0 when it has ended", "1 for an error of the command line or the file"],
  })}\n${EXAMPLE_HOUSE}`,
  async run(args, terminal) {
    const { values, operands } = parseArguments({ ...RUN_FLAGS, ...HUB_FLAGS }, args, "pan simulate");
    const plan = withFlags(await readPlan(operands), values.seed, values.loss);
    if (values.zep !== undefined) return runOverZep(plan, values.zep, values.duration, terminal);
    const speed = values.speed ?? 1;
    const capture = values.pcap === undefined ? undefined : new CaptureFile(values.pcap);
    const observer = ({ psdu, startsAt }: ObservedTransmission): void =>
      capture?.write(psdu, BigInt(Math.round(startsAt * 1e6)));
    const house = new SimulatedHouse(
      plan,
      listenerOf(terminal, () => house.simulation.now),
      observer,
    );
    const hub = await createHub({
      mqtt: { port: values.mqttPort ?? 1883 },
      coap: { port: values.coapPort ?? 5683 },
      http: { port: values.httpPort ?? 8080 },
      pan: { link: { open: house.openPan }, speed },
      log: await createLog({ level: "warn", format: "auto" }),
    }).catch((error: unknown) => {
      throw error instanceof ListenError
        ? new UsageError(error.message, "--mqtt-port, --coap-port, --http-port")
        : error;
    });
    try {
      terminal.stdout.write(`mqtt  ${hub.mqtt?.url}\ncoap  ${hub.coap?.url}\nhttp  ${hub.http?.url}\nready\n`);
      house.start();
      const progress = new Progress(terminal, house, values.duration);
      await house.run(speed, values.duration ?? Number.POSITIVE_INFINITY, terminal.signal, () => progress.show());
      progress.clear();
      terminal.stdout.write(`\n${formatTime(house.simulation.now)} in the house\n\n${formatReport(house)}`);
    } finally {
      await hub.close();
      await capture?.close();
    }
    return 0;
  },
};

/** The nodes alone, until the time is over. */
async function runOverZep(
  plan: HousePlan,
  remote: string,
  durationMs = Number.POSITIVE_INFINITY,
  terminal: Terminal,
): Promise<number> {
  const { ZepNodes } = await import("../pan/zep-nodes.js");
  const startedAt = performance.now();
  const nodes = await ZepNodes.start(
    plan,
    remote,
    listenerOf(terminal, () => performance.now() - startedAt),
  ).catch((error: unknown) => {
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  });
  terminal.stdout.write("ready\n");
  await until(terminal.signal, durationMs);
  await nodes.close();
  return 0;
}

/** Resolves when the signal aborts, or after so many milliseconds. */
async function until(signal: AbortSignal, milliseconds: number): Promise<void> {
  const isOver =
    milliseconds === Number.POSITIVE_INFINITY ? signal : AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  if (!isOver.aborted) await once(isOver, "abort");
}

async function readPlan([file, ...rest]: readonly string[]): Promise<HousePlan> {
  if (file === undefined || rest.length > 0) throw new UsageError("which house?", "one file, as house.yaml");
  const source = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file}: ${error.code === "ENOENT" ? "there is no such file" : error.message}`);
  });
  const { parseDocument } = await import("yaml");
  const document = parseDocument(source);
  const [problem] = document.errors;
  if (problem !== undefined) throw new UsageError(`${file}: ${problem.message.split("\n")[0]}`, "it is YAML");
  return parseHousePlan(document.toJS(), file);
}

function withFlags(plan: HousePlan, seed: number | undefined, loss: number | undefined): HousePlan {
  if (loss !== undefined && loss > 0.99) throw new UsageError(`--loss ${loss}: not a number from 0 to 0.99`);
  if (loss !== undefined && plan.radio.range === undefined) {
    throw new UsageError("--loss has no effect without a range", "in the file: radio: { range: 10 }");
  }
  return { ...plan, seed: seed ?? plan.seed, radio: { ...plan.radio, loss: loss ?? plan.radio.loss } };
}

function parseDuration(given: string, name: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (number === undefined || factor === undefined)
    throw new UsageError(`${name} ${given}: not a time`, "as 90s, 10m or 2h");
  return Number(number) * factor;
}

function listenerOf({ stdout }: Terminal, now: () => number) {
  const say = (text: string): void => void stdout.write(`${formatTime(now())}  ${text}\n`);
  return {
    handleJoined: (name: string, address: string, hops: number, parent: string) =>
      say(`${name} joined as ${address}, ${hops} ${hops === 1 ? "hop" : "hops"} by way of ${parent}`),
    handleRegistered: (name: string, location: string) => say(`${name} registered at ${location}: devices/${name}/...`),
    handleRegistrationFailed: (name: string, reason: string) => say(`${name} could not register: ${reason}`),
  };
}

/** What goes on, on one line of a terminal. */
class Progress {
  readonly #terminal: Terminal;
  readonly #house: SimulatedHouse;
  readonly #durationMs: number | undefined;
  #nextAt = 0;

  constructor(terminal: Terminal, house: SimulatedHouse, durationMs: number | undefined) {
    this.#terminal = terminal;
    this.#house = house;
    this.#durationMs = durationMs;
  }

  show(): void {
    if (!isTerminal(this.#terminal.stderr) || performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + 250;
    const { nodes, simulation } = this.#house;
    const joined = nodes.filter(({ node }) => node.addresses.length > 0).length;
    const of = this.#durationMs === undefined ? "" : ` of ${formatTime(this.#durationMs)}`;
    const { transmissions } = simulation.medium.counters;
    this.#terminal.stderr.write(`\r\u001b[K${formatTime(simulation.now)}${of}  ${joined}/${nodes.length} nodes  ${transmissions} frames`); // prettier-ignore
  }

  clear(): void {
    if (isTerminal(this.#terminal.stderr)) this.#terminal.stderr.write("\r\u001b[K");
  }
}

/** Hours, minutes, seconds and hundredths. */
function formatTime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const hundredths = Math.floor(milliseconds / 10) % 100;
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}.${String(hundredths).padStart(2, "0")}`;
}
