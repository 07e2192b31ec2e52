import { z } from "zod";
import { filePath, secret } from "./values.js";

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

const jwtSource = z.strictObject({
  type: z.literal("jwt").describe("users with a JSON Web Token, as password or as bearer token"),
  keys: z
    .array(
      z.strictObject({
        id: z.string().min(1).optional().describe("`kid` of its tokens; default: it is tried on all of its kind"),
        secret: secret().optional().describe("for HS256: 32 bytes or more"),
        public_key_file: filePath().optional().describe("for RS256 or ES256: a public key or a certificate in PEM"),
      }),
    )
    .min(1)
    .describe("keys that tokens are signed with; more than one while they are being changed"),
  issuer: z.string().min(1).optional().describe("what `iss` has to be; default: anything"),
  audience: z.string().min(1).optional().describe("what `aud` has to be or to hold; default: anything"),
  user_claim: z.string().min(1).default("sub").describe("claim with the user name"),
  groups_claim: z.string().min(1).default("groups").describe("claim with the groups, a list of names"),
  rules_claim: z.string().min(1).default("acl").describe("claim with rules for this client alone"),
  leeway_seconds: z.int().min(0).default(30).describe("seconds that clocks may differ"),
});

const httpSource = z.strictObject({
  type: z.literal("http").describe("a server that is asked with a POST, see docs/access.md"),
  url: z.url({ protocol: /^https?$/ }).describe("where it is asked"),
  headers: z
    .array(z.strictObject({ name: z.string().min(1).describe("its name"), value: secret().describe("its value") }))
    .default([])
    .describe("headers that are sent along, such as Authorization"),
  timeout_ms: z.int().min(1).default(5000).describe("milliseconds that an answer may take; without one nobody gets in"),
  max_concurrent_requests: z.int().min(1).default(32).describe("questions under way at the same time"),
  max_waiting_requests: z
    .int()
    .min(0)
    .default(1000)
    .describe("questions that wait for their turn; more clients are told that the server is busy"),
  cache_seconds: z.number().min(0).default(10).describe("how long an answer is remembered; 0: not at all"),
  max_cached_answers: z.int().min(1).default(10_000).describe("answers remembered; the oldest are forgotten"),
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
    .array(z.discriminatedUnion("type", [passwordsSource, certificateSource, jwtSource, httpSource]))
    .optional()
    .describe("where the hub learns who somebody is; the first that knows the user decides"),
  rules: z.array(rule).optional().describe("who may do what; without any, who is let in may do anything"),
  client_ids: z
    .enum(["any", "own"])
    .optional()
    .describe(
      "client identifiers that MQTT clients may choose; `own`: the user name, or one that begins with it and a colon; default: `any`",
    ),
  groups: z.array(group).optional().describe("users who share rules"),
};

const signInDelay = z.strictObject({
  free_failures: z.int().min(0).default(3).describe("failures of one user from one address that cost nothing"),
  max_delay_ms: z
    .int()
    .min(0)
    .default(5000)
    .describe("longest wait between two tries, in milliseconds; 0: nobody is slowed down"),
  forget_after_seconds: z.int().min(1).default(600).describe("seconds after the last failure until all is forgotten"),
  max_entries: z.int().min(1).default(100_000).describe("addresses and users that are remembered"),
});

/** `access`: who may connect, and what they may do. */
export const accessSection = z.strictObject({
  ...accessShape,
  sign_in_delay: signInDelay.prefault({}).describe("how those who try passwords are slowed down"),
});

/** `access` of a listener. */
export const listenerAccess = z.strictObject(accessShape);
