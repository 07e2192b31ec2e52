import { type Logger, pino } from "pino";

/** What is written to the log, and how. */
export interface LogOptions {
  /** The least severe kind of line that is written. */
  readonly level: string;
  /** `auto`: text for people on a terminal, JSON lines elsewhere. */
  readonly format: "auto" | "text" | "json";
}

/** A log on standard error. */
export async function createLog({ level, format }: LogOptions): Promise<Logger> {
  const isText = format === "auto" ? process.stderr.isTTY : format === "text";
  if (!isText) {
    return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
  }
  const { prettyFactory } = await import("pino-pretty");
  const pretty = prettyFactory({ colorize: process.stderr.isTTY, translateTime: "SYS:HH:MM:ss", singleLine: true });
  return pino({ level, base: null }, { write: (line) => process.stderr.write(pretty(line)) });
}
