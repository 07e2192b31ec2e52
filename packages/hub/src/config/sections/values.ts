import { z } from "zod";

/** A text that `isthmus config show` does not show: `writeOnly` is JSON Schema's word for it. */
export function secret(): z.ZodString {
  return z.string().min(1).meta({ writeOnly: true });
}

/** A TCP or UDP port; 0 picks a free one. */
export function port(): z.ZodInt {
  return z.int().min(0).max(65_535);
}

const BYTES_BY_UNIT: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A number of bytes, as `65536` or as `64KiB`. */
export function sizeBytes() {
  const text = z
    .string()
    .regex(/^\d+ ?(B|KiB|MiB|GiB)$/)
    .meta({ examples: ["64KiB"] });
  return z.union([z.int().min(0), text]).transform(toBytes);
}

/** A number of bytes that has a default. */
export function sizeBytesOr(standard: number) {
  return sizeBytes().prefault(formatBytes(standard));
}

/** A whole number from `min`, or the word `unlimited`, which is the default. */
export function countOrUnlimited(min = 1) {
  return z
    .union([z.int().min(min), z.literal("unlimited")])
    .transform((given) => (given === "unlimited" ? Number.POSITIVE_INFINITY : given))
    .prefault("unlimited");
}

function toBytes(given: number | string): number {
  if (typeof given === "number") return given;
  const unit = given.replace(/^\d+ ?/, "");
  return Number.parseInt(given, 10) * (BYTES_BY_UNIT[unit] ?? 1);
}

/** With the largest unit that leaves a whole number: `16MiB`. */
function formatBytes(bytes: number): number | string {
  const unit = ["GiB", "MiB", "KiB"].find((name) => bytes % (BYTES_BY_UNIT[name] ?? 1) === 0);
  return unit === undefined || bytes === 0 ? bytes : `${bytes / (BYTES_BY_UNIT[unit] ?? 1)}${unit}`;
}

/** A file or folder. In the configuration file a relative one starts from the file's own folder. */
export function filePath(): z.ZodString {
  return z.string().min(1).meta({ format: "path" });
}
