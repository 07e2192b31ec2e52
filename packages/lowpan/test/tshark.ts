import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why programs of others are not asked, or undefined when they can be. In CI they must be there. */
export function missing(command: string, ...args: string[]): string | undefined {
  const { error, status } = spawnSync(command, args, { stdio: "ignore" });
  if (error === undefined && status === 0) return undefined;
  if (process.env["CI"] !== undefined) throw new Error(`${command} must be installed where CI runs`);
  return `${command} is not installed`;
}

/** What tshark says of each frame of a capture, one record of fields a frame; a repeated field's values in turn. */
export function dissect(
  capture: Uint8Array,
  fields: readonly string[],
  preferences: readonly string[],
): Record<string, string[]>[] {
  const directory = mkdtempSync(join(tmpdir(), "isthmus-lowpan-"));
  try {
    const file = join(directory, "frames.pcap");
    writeFileSync(file, capture);
    const args = ["-r", file, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=;", "-E", "occurrence=a"];
    for (const preference of preferences) args.push("-o", preference);
    for (const field of fields) args.push("-e", field);
    const output = execFileSync("tshark", args, {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return output
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => {
        const values = line.split("\t");
        return Object.fromEntries(fields.map((field, i) => [field, (values[i] ?? "").split(";").filter(Boolean)]));
      });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
