import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { FrameLink, LinkFrame } from "../links/frame-link.js";
import { decodeZep, encodeZep, ntpOfNs, ZEP_PORT } from "../links/zep.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import { WireError } from "../wire/wire-error.js";

/** An address and a port. */
export interface UdpEndpoint {
  readonly address: string;
  readonly port: number;
}

/** How a {@link ZepLink} is opened. */
export interface ZepLinkOptions {
  /** The other side: a peer, or a dispatcher that has many. Default: `::1`, port 17754. */
  readonly remote?: UdpEndpoint;
  /** Where to listen. Default: the loopback address of the remote's family, a free port. */
  readonly local?: UdpEndpoint;
  /** Frames of other channels are dropped. Default 26, as RIOT's. */
  readonly channel?: number;
  readonly deviceId?: number;
  /** Says hello to a dispatcher with this address, to be heard of before anything was sent. Default: no hello. */
  readonly hello?: LinkAddress;
}

/** What a link has done. */
export interface ZepLinkCounters {
  sent: number;
  received: number;
  /** Datagrams that were not ZEP, of another channel, or from someone else. */
  dropped: number;
}

const DEFAULT_CHANNEL = 26;
const MAX_LQI = 0xff;

/** Frames in ZEP over UDP, as RIOT's native nodes and sniffers speak it. */
export class ZepLink implements FrameLink {
  readonly counters: ZepLinkCounters = { sent: 0, received: 0, dropped: 0 };
  onFrame: ((frame: LinkFrame) => void) | undefined;
  readonly #socket: Socket;
  readonly #remote: UdpEndpoint;
  readonly #channel: number;
  readonly #deviceId: number;
  #sequenceNumber = 0;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket, remote: UdpEndpoint, options: ZepLinkOptions) {
    this.#socket = socket;
    this.#remote = remote;
    this.#channel = options.channel ?? DEFAULT_CHANNEL;
    this.#deviceId = options.deviceId ?? 0;
    socket.on("message", (datagram, sender) => this.#receive(datagram, sender));
    // A peer that is not there yet answers with errors: it may come.
    socket.on("error", () => this.counters.dropped++);
  }

  /** Opens a link. @throws Error of the socket when it cannot listen. */
  static async open(options: ZepLinkOptions = {}): Promise<ZepLink> {
    const remote = options.remote ?? { address: "::1", port: ZEP_PORT };
    const isV6 = isIPv6(remote.address);
    const local = options.local ?? { address: isV6 ? "::1" : "127.0.0.1", port: 0 };
    const socket = await bind(isV6, local);
    const link = new ZepLink(socket, remote, options);
    if (options.hello !== undefined) link.#sendDatagram(encodeZep({ type: "hello", address: options.hello }));
    return link;
  }

  /** Where it listens. */
  get local(): UdpEndpoint {
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  send(psdu: Uint8Array): void {
    this.counters.sent++;
    this.#sequenceNumber = (this.#sequenceNumber + 1) >>> 0;
    this.#sendDatagram(
      encodeZep({
        type: "data",
        channel: this.#channel,
        deviceId: this.#deviceId,
        isLqiMode: true,
        lqi: MAX_LQI,
        ntpTime: ntpOfNs(BigInt(Date.now()) * 1_000_000n),
        sequenceNumber: this.#sequenceNumber,
        psdu,
      }),
    );
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closed;
  }

  #sendDatagram(datagram: Uint8Array): void {
    if (this.#closed === undefined) this.#socket.send(datagram, this.#remote.port, this.#remote.address);
  }

  #receive(datagram: Uint8Array, sender: RemoteInfo): void {
    if (sender.port !== this.#remote.port) {
      this.counters.dropped++;
      return;
    }
    try {
      const packet = decodeZep(datagram);
      if (packet.type !== "data" || packet.channel !== this.#channel) {
        this.counters.dropped++;
        return;
      }
      this.counters.received++;
      this.onFrame?.({ psdu: packet.psdu, rssDbm: undefined, lqi: packet.lqi, channel: packet.channel });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.dropped++;
    }
  }
}

/** A bound socket. Addresses are numbers already: no look-up of names for each datagram. */
export async function bind(isV6: boolean, local: UdpEndpoint): Promise<Socket> {
  const socket = createSocket({
    type: isV6 ? "udp6" : "udp4",
    lookup: (hostname, _options, callback) => callback(null, hostname, isV6 ? 6 : 4),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(local.port, local.address, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  return socket;
}
