import { z } from "zod";
import { UsageError } from "../command.js";

const position = z.array(z.number()).min(2).max(3).describe("metres: [x, y] or [x, y, z]");

const nodePlan = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,63}$/)
    .describe("its endpoint name: letters, digits, dots, dashes"),
  role: z.enum(["router", "host"]).default("host").describe("whether it passes on what others say"),
  at: position,
  resources: z.array(z.enum(["temperature", "light", "door"])).default(["temperature"]),
  battery_mah: z.number().positive().default(1000).describe("charge of its battery, for how long it would last"),
});

const housePlan = z.strictObject({
  seed: z.int().min(0).default(1).describe("of all that happens by chance"),
  radio: z
    .strictObject({
      range: z.number().positive().optional().describe("metres in which all links are alike"),
      loss: z.number().min(0).max(0.99).default(0).describe("part of the frames that a link loses, with a range"),
      path_loss_exponent: z
        .number()
        .min(1.5)
        .max(6)
        .optional()
        .describe("without a range: 2 in the open, 3 through walls"),
      module: z.enum(["nrf52840", "cc2420"]).default("nrf52840").describe("whose currents are reckoned with"),
    })
    .prefault({}),
  report_every_s: z.number().min(1).default(60).describe("seconds between two readings of a thermometer"),
  border_router: z.strictObject({ at: position }).prefault({ at: [0, 0] }),
  nodes: z.array(nodePlan).min(1).max(5000),
});

/** A house: who is where, and how the radio carries. */
export type HousePlan = z.output<typeof housePlan>;
export type NodePlan = HousePlan["nodes"][number];

/** @throws UsageError that says what is wrong, and where. */
export function parseHousePlan(value: unknown, file: string): HousePlan {
  const parsed = housePlan.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("") ?? "";
    throw new UsageError(`${file}: ${where.replace(/^\./, "") || "the file"}: ${issue?.message}`, "isthmus pan simulate --help shows a house"); // prettier-ignore
  }
  const names = new Set<string>();
  for (const { name } of parsed.data.nodes) {
    if (names.has(name)) throw new UsageError(`${file}: two nodes are called ${name}`, "names tell nodes apart");
    names.add(name);
  }
  return parsed.data;
}
