import { readFile } from "node:fs/promises";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { CoapClient, parseCoapUri } from "@isthmus/coap";
import { createConnector } from "@isthmus/coap/transport-node";
import { type Terminal, UsageError } from "../command.js";
import { type Framing, packetTap } from "./packet-view.js";
import type { WayValues } from "./request-flags.js";

/** A client that goes the way that the flags say; close it. */
export async function openClient(uri: string, values: WayValues, { stderr }: Terminal): Promise<CoapClient> {
  const { address, port, isVerbose } = values;
  const tls = await readTls(values);
  const tap = isVerbose ? packetTap((text) => stderr.write(text), framingOf(values.proxy ?? uri)) : undefined;
  return new CoapClient({
    connector: createConnector({
      udp: { ...(address !== undefined && { host: address }), ...(port !== undefined && { port }) },
      ...(tap !== undefined && { tap }),
      ...(tls !== undefined && { tls }),
    }),
  });
}

function framingOf(uri: string): Framing {
  const { scheme } = parseCoapUri(uri);
  return scheme.endsWith("+tcp") ? "stream" : scheme.endsWith("+ws") ? "frame" : "datagram";
}

async function readTls({ certFile, keyFile, caFile, isInsecure }: WayValues): Promise<TlsOptions | undefined> {
  if (certFile === undefined && keyFile === undefined && caFile === undefined && !isInsecure) return undefined;
  const [cert, key, ca] = await Promise.all([
    readPem("-c", certFile),
    readPem("-j", keyFile ?? certFile),
    readPem("-C", caFile),
  ]);
  return {
    rejectUnauthorized: !isInsecure,
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
  };
}

async function readPem(flag: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
