import { z } from "zod";

/** `sys`: the status topics below `$SYS/broker/`. */
export const sysSection = z.strictObject({
  interval_ms: z
    .int()
    .min(0)
    .default(10_000)
    .describe("milliseconds from one look at the hub to the next; 0: no status topics"),
});
