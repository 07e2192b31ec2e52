import { isIP } from "node:net";
import { type LowpanNode, parseLinkAddress, type Radio, ZEP_PORT } from "@isthmus/lowpan";
import { NodeDriver, REAL_TIME_OPTIONS, type UdpEndpoint, ZepDispatcher, ZepLink } from "@isthmus/lowpan/links-node";
import { ListenError } from "../listeners/listener.js";
import type { OpenPan, ZepOptions } from "./pan-options.js";

/** Frames over ZEP: the hub as the dispatcher of its nodes, or as one of those that meet at another one. */
export function openZepPan(options: ZepOptions, address: string): OpenPan {
  return async (build) => {
    const { channel } = options;
    const dispatcher = options.remote === undefined ? await listen(parseEndpoint(options.listen ?? `[::1]:${ZEP_PORT}`)) : undefined; // prettier-ignore
    const remote = dispatcher?.local ?? parseEndpoint(options.remote ?? "");
    const hello = parseLinkAddress(address);
    const link = await ZepLink.open({ remote, hello, ...(channel !== undefined && { channel }) });
    return new ZepDriver(link, dispatcher, (radio) => build(radio, REAL_TIME_OPTIONS));
  };
}

/** A node over ZEP, and the dispatcher that it brought along. */
class ZepDriver extends NodeDriver<LowpanNode> {
  readonly #dispatcher: ZepDispatcher | undefined;

  constructor(link: ZepLink, dispatcher: ZepDispatcher | undefined, build: (radio: Radio) => LowpanNode) {
    super(link, build);
    this.#dispatcher = dispatcher;
  }

  get url(): string | undefined {
    const local = this.#dispatcher?.local;
    return local && `zep://${local.address.includes(":") ? `[${local.address}]` : local.address}:${local.port}`;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#dispatcher?.close();
  }
}

async function listen(local: UdpEndpoint): Promise<ZepDispatcher> {
  try {
    return await ZepDispatcher.open({ local });
  } catch (cause) {
    // What the system's calls fail with has a code.
    throw ListenError.from(cause as NodeJS.ErrnoException, { host: local.address, port: local.port });
  }
}

/** @throws RangeError for what is not `ADDRESS:PORT`. */
export function parseEndpoint(text: string): UdpEndpoint {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || isIP(address) === 0 || Number(port) > 65_535) {
    throw new RangeError(`"${text}" is not an address and a port, as [::1]:17754`);
  }
  return { address, port: Number(port) };
}
