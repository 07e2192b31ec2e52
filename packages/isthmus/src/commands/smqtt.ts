import { type Command, UsageError } from "../command.js";

interface Verb {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** What `isthmus smqtt` can do, in the order in which one needs it. */
const VERBS: Readonly<Record<string, Verb>> = {
  setup: { summary: "make an authority, which says who may read what", load: () => import("./smqtt-setup.js") },
  enrol: { summary: "register a device: here, over a broker, or by files", load: () => import("./smqtt-enrol.js") },
  invite: { summary: "let one device enrol by itself", load: () => import("./smqtt-invite.js") },
  authority: { summary: "answer the requests of devices", load: () => import("./smqtt-authority.js") },
  renew: { summary: "give devices fresh keys", load: () => import("./smqtt-renew.js") },
  revoke: { summary: "shut devices out from now on", load: () => import("./smqtt-revoke.js") },
  inspect: { summary: "show what is in a key file, a message or a wrap", load: () => import("./smqtt-inspect.js") },
  pub: { summary: "publish messages sealed", load: () => import("./smqtt-pub.js") },
  sub: { summary: "subscribe, and print the messages that open", load: () => import("./smqtt-sub.js") },
};

/** `isthmus smqtt`: a command of commands. */
export const command: Command = {
  help: overview(),
  async resolve([first, ...rest]) {
    const verb = first === undefined ? undefined : VERBS[first];
    return verb && { command: (await verb.load()).command, args: rest };
  },
  async run([first], { stdout }) {
    if (first !== undefined) {
      throw new UsageError(`there is no command "smqtt ${first}"`, "isthmus smqtt --help lists them");
    }
    stdout.write(overview());
    return 1;
  },
};

function overview(): string {
  const width = Math.max(...Object.keys(VERBS).map(({ length }) => length));
  const lines = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `Secure MQTT: a message is encrypted once, and opened by exactly those whose keys allow it. Any broker will do.

Usage: isthmus smqtt <command> [flags]

${lines.join("")}
isthmus smqtt <command> --help tells more.
`;
}
