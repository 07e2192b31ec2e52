import type { Command } from "../command.js";
import { commandGroup, type GroupedCommand } from "../command-group.js";

const request = () => import("./coap-request.js");

/** What `isthmus coap` can do, in the order in which its help lists it. */
const VERBS: Readonly<Record<string, GroupedCommand>> = {
  get: { summary: "read a resource", load: async () => ({ command: (await request()).requestCommand("get") }) },
  put: { summary: "write a resource", load: async () => ({ command: (await request()).requestCommand("put") }) },
  post: { summary: "let a resource work", load: async () => ({ command: (await request()).requestCommand("post") }) },
  delete: { summary: "remove a resource", load: async () => ({ command: (await request()).requestCommand("delete") }) },
  fetch: { summary: "read what a body asks for", load: async () => ({ command: (await request()).requestCommand("fetch") }) }, // prettier-ignore
  patch: { summary: "change parts of a resource", load: async () => ({ command: (await request()).requestCommand("patch") }) }, // prettier-ignore
  ipatch: { summary: "the same, idempotent", load: async () => ({ command: (await request()).requestCommand("ipatch") }) }, // prettier-ignore
  observe: { summary: "print a resource each time it changes", load: () => import("./coap-observe.js") },
  discover: { summary: "list the resources of a server, or of all of a group", load: () => import("./coap-discover.js") }, // prettier-ignore
  ping: { summary: "ask a server for signs of life", load: () => import("./coap-ping.js") },
  serve: { summary: "serve a directory, or the resources of ETSI's plug tests", load: () => import("./coap-serve.js") }, // prettier-ignore
};

const group = commandGroup(
  "coap",
  "Talks CoAP. The flags are those of coap-client, whose -m METHOD is a word here.",
  VERBS,
);

/** `isthmus coap`: a command of commands. */
export const command: Command = { ...group, resolve: (args) => group.resolve(withVerb(args)) };

/** coap-client's way to say it: `-m put URI`, and GET when nothing is said. */
function withVerb(args: readonly string[]): readonly string[] {
  const [first] = args;
  if (first === undefined || first === "--help" || first in VERBS) return args;
  const at = args.indexOf("-m");
  const method = args[at + 1];
  if (at >= 0 && method !== undefined) return [method.toLowerCase(), ...args.toSpliced(at, 2)];
  return first.startsWith("-") || first.includes("://") ? ["get", ...args] : args;
}
