import { z } from "zod";

/** `log`: what is written to standard error. */
export const logSection = z.strictObject({
  level: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .describe("least severe kind of line that is written"),
  format: z
    .enum(["auto", "text", "json"])
    .default("auto")
    .describe("`text` for people, `json` for programs; `auto`: text on a terminal, JSON elsewhere"),
});
