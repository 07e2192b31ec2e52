import { once } from "node:events";
import {
  CoapClient,
  type CoapServer,
  connectorOf,
  createServer,
  ResourceDirectory,
  serveDirectory,
} from "@isthmus/coap";
import { createPlugtestServer } from "@isthmus/coap/plugtest";
import { bindUdp, type Listener, listenTcp, listenWebSocket, type UdpTransport } from "@isthmus/coap/transport-node";
import { serveFileTree } from "../coap/file-tree.js";
import { parseArguments } from "../coap/operands.js";
import { packetTap } from "../coap/packet-view.js";
import { withoutVerbosityLevel } from "../coap/request-flags.js";
import { type Command, type Terminal, UsageError } from "../command.js";
import { type FlagTable, type FlagValues, renderHelp, text, texts, toggle, value } from "../flags.js";

const CONTENT_FLAGS = {
  isEtsi: toggle("--etsi", "serve the resources of ETSI's plug tests"),
  hasDirectory: toggle("--rd", "be a resource directory as well: /rd, /rd-lookup/ep and /rd-lookup/res"),
  isWritable: toggle("--writable", "let PUT and DELETE change the files of DIR"),
} as const satisfies FlagTable;

const DOOR_FLAGS = {
  host: text("--host", "ADDRESS", "the address to listen on (127.0.0.1: this machine alone)"),
  port: value("-p --port", "PORT", "the UDP port (5683); 0 picks a free one", parsePort),
  tcpPort: value(
    "--tcp-port",
    "PORT",
    "the TCP port (that of UDP); 0 picks a free one, off closes the door",
    parsePort,
  ),
  wsPort: value("--ws-port", "PORT", "a port for WebSocket (off)", parsePort),
  groups: texts("-g --group", "ADDRESS", "answer what is sent to this group, as 224.0.1.187; may be repeated"),
  isVerbose: toggle("-v --verbose", "show each message that comes and goes, decoded, on standard error"),
} as const satisfies FlagTable;

const FLAGS = { ...CONTENT_FLAGS, ...DOOR_FLAGS };

type ServeValues = FlagValues<typeof FLAGS>;

/** What stops with the server. */
interface Content {
  readonly server: CoapServer;
  close(): void;
}

/** `isthmus coap serve`: a server to try things with. */
export const command: Command = {
  help: renderHelp({
    summary: "Serves a directory, or the resources of ETSI's plug tests, until told to stop (Ctrl-C).",
    usage: ["isthmus coap serve DIR [flags]", "isthmus coap serve --etsi [flags]"],
    groups: [
      { title: "Content", flags: CONTENT_FLAGS },
      { title: "Doors", flags: DOOR_FLAGS },
    ],
    examples: ["isthmus coap serve --writable .", "isthmus coap serve --etsi --host :: -g 224.0.1.187", "isthmus coap serve --rd"], // prettier-ignore
    exitCodes: ["0 when it was told to stop", "1 for an error"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, withoutVerbosityLevel(args), "coap serve");
    const content = await contentOf(values, operands, terminal);
    const doors: (UdpTransport | Listener)[] = [];
    try {
      doors.push(...(await openDoors(content.server, values, terminal)));
      const directory = values.hasDirectory ? addDirectory(content.server, doors[0]) : undefined;
      for (const { scheme, address } of doors) terminal.stdout.write(`${scheme}://${formatAuthority(address)}\n`);
      terminal.stdout.write("ready\n");
      if (!terminal.signal.aborted) await once(terminal.signal, "abort");
      directory?.close();
    } finally {
      content.close();
      for (const door of doors) await door.close();
    }
    return 0;
  },
};

async function contentOf(values: ServeValues, operands: readonly string[], { signal }: Terminal): Promise<Content> {
  const [root, ...rest] = operands;
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one operand too many`, "one directory is served");
  if (values.isEtsi && root !== undefined) throw new UsageError("either DIR or --etsi");
  if (values.isEtsi) return createPlugtestServer();
  if (root === undefined && !values.hasDirectory)
    throw new UsageError("there is nothing to serve", "DIR, --etsi or --rd");
  const server = createServer();
  const stop = new AbortController();
  if (root !== undefined) {
    const { isWritable } = values;
    await serveFileTree(server, root, { isWritable, signal: AbortSignal.any([signal, stop.signal]) }).catch(
      (error: unknown) => {
        // prettier-ignore
        throw new UsageError(`${root}: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  }
  return { server, close: () => stop.abort() };
}

async function openDoors(server: CoapServer, values: ServeValues, { stderr }: Terminal) {
  const { host = "127.0.0.1", port = 5683, wsPort = "off", groups, isVerbose } = values;
  const tapFor = (framing: "datagram" | "stream" | "frame") => (isVerbose ? { tap: packetTap((line) => stderr.write(line), framing) } : {}); // prettier-ignore
  if (port === "off") throw new UsageError("--port off: a server has a UDP port");
  const doors: (UdpTransport | Listener)[] = [];
  try {
    const udp = await bindUdp({ handler: server, host, port, groups, ...tapFor("datagram") });
    doors.push(udp);
    const tcpPort = values.tcpPort ?? udp.address.port;
    if (tcpPort !== "off") doors.push(await listenTcp({ handler: server, host, port: tcpPort, ...tapFor("stream") }));
    if (wsPort !== "off")
      doors.push(await listenWebSocket({ handler: server, host, port: wsPort, ...tapFor("frame") }));
    return doors;
  } catch (error) {
    for (const door of doors) await door.close();
    // What the system says of an address that is taken or none names it.
    if (error instanceof Error && "code" in error) throw new UsageError(error.message, "--host, --port, --tcp-port 0");
    throw error;
  }
}

/** Simple registration asks back over the door that it came in by, which is that of UDP. */
function addDirectory(server: CoapServer, door: UdpTransport | Listener | undefined) {
  const client =
    door !== undefined && "endpoint" in door ? new CoapClient({ connector: connectorOf(door) }) : undefined;
  return serveDirectory(server, new ResourceDirectory(), {
    ...(client !== undefined && { discover: (base: string) => client.discover(base) }),
  });
}

function formatAuthority({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function parsePort(given: string, flag: string): number | "off" {
  if (given === "off") return given;
  if (/^[0-9]+$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new UsageError(`${flag} ${given} is not a port`, "a number from 0 to 65535, or off");
}
