import { type Logger, pino } from "pino";

/** A log on standard error: for people on a terminal, JSON lines elsewhere. */
export async function createLog(level: string): Promise<Logger> {
  if (!process.stderr.isTTY) {
    return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
  }
  const { prettyFactory } = await import("pino-pretty");
  const format = prettyFactory({ colorize: true, translateTime: "SYS:HH:MM:ss", singleLine: true });
  return pino({ level, base: null }, { write: (line) => process.stderr.write(format(line)) });
}
