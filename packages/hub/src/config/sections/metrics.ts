import { z } from "zod";

/** `metrics`: who may read `/metrics`. */
export const metricsSection = z.strictObject({
  is_public: z
    .boolean()
    .default(false)
    .describe("whether anybody may who reaches the HTTP door; false: administrators"),
});
