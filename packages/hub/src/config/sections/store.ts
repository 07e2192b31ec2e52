import { z } from "zod";
import { filePath } from "./values.js";

/** `data` and `durability`: where the hub keeps what outlives it, and how safe that is once acknowledged. */
export const storeSection = {
  data: z
    .union([z.literal("memory"), filePath()])
    .optional()
    .describe(
      "directory for what outlives the hub, default `~/.local/state/isthmus`; `memory`: sessions and messages end with it",
    ),
  durability: z
    .enum(["sync", "interval", "none"])
    .default("sync")
    .describe(
      "what an acknowledgement waits for: `sync` the disk has the message, `interval` the system has it, `none` nothing",
    ),
};
