import { z } from "zod";

/** `access`: who may connect, and what they may do. */
export const accessSection = z.strictObject({
  anonymous: z
    .boolean()
    .optional()
    .describe(
      "whether clients without a user name are let in; default: only while all listeners are on loopback addresses",
    ),
});
