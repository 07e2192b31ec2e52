import { z } from "zod";
import { filePath } from "./values.js";

const passwordsSource = z.strictObject({
  type: z.literal("passwords").describe("users of a file that `isthmus passwd` or mosquitto_passwd has written"),
  file: filePath().describe("the file"),
  max_concurrent_checks: z
    .int()
    .min(1)
    .default(2)
    .describe("passwords checked at the same time: each takes a core and, with scrypt, 32 MiB"),
  max_waiting_checks: z
    .int()
    .min(1)
    .default(1000)
    .describe("passwords that wait to be checked; more clients are told that the server is busy"),
});

const certificateSource = z.strictObject({
  type: z.literal("certificate").describe("the user name is in the certificate that a client shows"),
  user: z
    .enum(["commonName", "alternativeName", "fingerprint"])
    .default("commonName")
    .describe("what of the certificate is the user name"),
});

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const permission = z.enum(["read", "write", "readwrite", "subscribe"]);

const rule = z.strictObject({
  user: names.optional().describe("user name, or a list of them"),
  group: names.optional().describe("group, or a list of them"),
  anonymous: z
    .literal(true)
    .optional()
    .describe("clients without a user name; a rule that names nobody is everybody's"),
  allow: permission.optional().describe("what is allowed; what no rule allows is denied"),
  deny: permission.optional().describe("what is denied, whatever else allows it"),
  topics: z
    .array(z.string().min(1))
    .min(1)
    .describe("topic filters; a level `%u` stands for the user name, `%c` for the client identifier"),
});

const group = z.strictObject({
  name: z.string().min(1).describe("its name"),
  users: z.array(z.string().min(1)).describe("user names"),
});

const accessShape = {
  allow_anonymous: z
    .boolean()
    .optional()
    .describe(
      "whether clients without credentials are let in; default: only on loopback addresses, and without sources",
    ),
  sources: z
    .array(z.discriminatedUnion("type", [passwordsSource, certificateSource]))
    .optional()
    .describe("where the hub learns who somebody is; the first that knows the user decides"),
  rules: z.array(rule).optional().describe("who may do what; without any, who is let in may do anything"),
  groups: z.array(group).optional().describe("users who share rules"),
};

/** `access`: who may connect, and what they may do. */
export const accessSection = z.strictObject(accessShape);
