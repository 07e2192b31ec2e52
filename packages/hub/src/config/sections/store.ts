import { z } from "zod";

/** `data` and `durability`: where the hub keeps what outlives it, and how safe that is once acknowledged. */
export const storeSection = {
  data: z
    .string()
    .min(1)
    .default("memory")
    .describe("directory of the store; `memory`: sessions and retained messages live as long as the hub"),
  durability: z
    .enum(["sync", "interval", "none"])
    .default("sync")
    .describe("when a message counts as stored: `sync` on disk, `interval` written out every moment, `none` at once"),
};
