import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { Instant } from "@isthmus/machine";
import { DatagramEndpoint } from "../endpoint/datagram-endpoint.js";
import type { Address } from "../endpoint/endpoint.js";
import type { DatagramEndpointOptions, DatagramOutput } from "../endpoint/endpoint-options.js";
import { clockNow } from "./clock.js";
import { StrongRandom } from "./strong-random.js";
import type { Transport } from "./transport.js";
import { GroupFilter } from "./group-filter.js";
import { plainBytes } from "./plain-bytes.js";
import { UdpSocket, type UdpSocketHandler } from "./udp-socket.js";
import { WakeTimer } from "./wake-timer.js";

/** All CoAP Nodes (RFC 7252 12.8): IPv4, IPv6 link-local and site-local. */
export const allCoapNodes = { ipv4: "224.0.1.187", ipv6LinkLocal: "ff02::fd", ipv6SiteLocal: "ff05::fd" } as const;

/** Where and how a UDP endpoint is bound. */
export interface UdpOptions extends Omit<DatagramEndpointOptions, "random"> {
  /** Address to bind to. Default `127.0.0.1`; `::` takes IPv4 as well unless `isIpv6Only`. */
  readonly host?: string;
  /** Port to bind to. Default 0: a free one. */
  readonly port?: number;
  readonly isIpv6Only?: boolean;
  /** Whether several sockets may share the port. Default false. */
  readonly isAddressReused?: boolean;
  /**
   * Groups to join, as `224.0.1.187` or `ff02::fd%eth0`. What is sent to them comes in on sockets of their own, at the
   * port of the main one, which is how it is told from what was sent to this endpoint alone (RFC 7252 8.2).
   */
  readonly groups?: readonly string[];
  /**
   * The interface of the groups: an address of it for IPv4, `::%eth0` for IPv6. Default: the system's choice; for IPv6
   * the zone of the group, if it has one.
   */
  readonly groupInterface?: string;
  /** Bytes of the socket's receive buffer. Default 4 MiB, so that a burst is not lost; the system may give less. */
  readonly receiveBufferBytes?: number;
  /**
   * Datagrams a second, both ways together, from which on many are taken and sent with one system call: on 64-bit Linux
   * where the package `koffi` is installed, which is loaded then. Default 2,000; 0 begins with it, Infinity never does,
   * nor does an endpoint that is bound to all addresses and joins groups.
   */
  readonly batchingThresholdPerSecond?: number;
  /** Called with the errors of requests that the network refused. Default: only the requests fail. */
  readonly handleSendError?: (error: Error) => void;
}

/** A UDP endpoint and its socket. */
export interface UdpTransport extends Transport {
  readonly endpoint: DatagramEndpoint;
  /** Where it is bound. */
  readonly address: Address;
  /** Whether many datagrams share a system call by now. */
  readonly isBatching: boolean;
}

/**
 * Binds CoAP to a UDP port.
 *
 * @throws the system's error when the address cannot be bound.
 *
 * @example
 * const transport = await bindUdp({ port: 5683, handler });
 * await transport.close();
 */
export async function bindUdp(options: UdpOptions = {}): Promise<UdpTransport> {
  const host = options.host ?? "127.0.0.1";
  const socket = openSocket(host, options);
  try {
    await bind(socket, options.port ?? 0, host);
  } catch (error) {
    await closeSocket(socket);
    throw error;
  }
  const driver = new UdpDriver(socket, options);
  try {
    await driver.prepare();
    setReceiveBuffer(socket, options.receiveBufferBytes ?? 4 * 2 ** 20);
    if (options.groupInterface !== undefined) socket.setMulticastInterface(options.groupInterface);
    for (const group of options.groups ?? []) await driver.join(group, options.groupInterface);
  } catch (error) {
    await driver.close();
    throw error;
  }
  return driver;
}

class UdpDriver implements UdpTransport, UdpSocketHandler {
  readonly scheme = "coap";
  readonly endpoint: DatagramEndpoint;
  readonly address: Address;
  readonly #options: UdpOptions;
  readonly #socket: UdpSocket;
  /** The sockets of groups. */
  readonly #members: Socket[] = [];
  readonly #timer = new WakeTimer((now) => this.endpoint.handleTimeout(now));
  /** Only where the main socket gets what is sent to groups as well. */
  readonly #filter: GroupFilter | undefined;

  constructor(socket: Socket, options: UdpOptions) {
    const { address, port } = socket.address();
    this.address = { address, port };
    this.#options = options;
    const needsFilter = (options.groups?.length ?? 0) > 0 && isWildcard(address);
    // The filter wants both copies of a datagram in the same turn of the event loop: the one of the group comes by itself.
    const threshold = needsFilter ? Number.POSITIVE_INFINITY : (options.batchingThresholdPerSecond ?? 2_000);
    this.#socket = new UdpSocket(socket, threshold, this);
    this.endpoint = new DatagramEndpoint({ ...options, random: new StrongRandom() }, this.#output());
    if (needsFilter) this.#filter = new GroupFilter((bytes, from) => this.endpoint.receive(clockNow(), bytes, from));
  }

  get isBatching(): boolean {
    return this.#socket.isBatching;
  }

  now(): Instant {
    return clockNow();
  }

  async prepare(): Promise<void> {
    await this.#socket.prepare();
  }

  /** Gets what is sent to `group`. */
  async join(group: string, groupInterface: string | undefined): Promise<void> {
    const member = await openMember(group, this.address.port, groupInterface);
    this.#members.push(member);
    const isMapped = isIPv6(this.address.address) && !isIPv6(member.address().address);
    member.on("message", (datagram: Buffer, sender: RemoteInfo) => {
      // See UdpSocket: there is no answering it.
      if (sender.port === 0) return;
      const bytes = plainBytes(datagram);
      const from = isMapped ? mapToIpv6(sender) : sender;
      this.#filter?.handleGroupArrival(bytes, from);
      this.endpoint.receive(clockNow(), bytes, from, true);
    });
    member.on("error", (error) => this.handleError(error));
  }

  async close(): Promise<void> {
    this.#timer.stop();
    this.endpoint.close(clockNow());
    await Promise.all([this.#socket.close(), ...this.#members.splice(0).map((socket) => closeSocket(socket))]);
  }

  /** For the socket. */
  handleDatagram(now: Instant, bytes: Uint8Array, from: Address): void {
    if (this.#filter === undefined) this.endpoint.receive(now, bytes, from);
    else this.#filter.handleArrival(bytes, from);
  }

  /** For the socket. */
  handleError(error: Error, to: Address | undefined = destinationOf(error)): void {
    if (to !== undefined) this.endpoint.handleUnreachable(clockNow(), to);
    this.#options.handleSendError?.(error);
  }

  #output(): DatagramOutput {
    return {
      transmit: (bytes, to, isReported) => this.#socket.send(bytes, to, isReported),
      wake: (deadline) => this.#timer.wake(deadline),
    };
  }
}

function openSocket(host: string, options: UdpOptions): Socket {
  const family = isIPv6(host.split("%", 1)[0] ?? host) ? 6 : 4;
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    ipv6Only: options.isIpv6Only ?? false,
    // The sockets of groups share the port with the main one.
    reuseAddr: options.isAddressReused ?? (options.groups?.length ?? 0) > 0,
    // Peers are addresses already. Node's own look-up defers each datagram to a later turn and costs a fifth.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
}

async function bind(socket: Socket, port: number, host: string): Promise<void> {
  const listening = once(socket, "listening");
  socket.bind(port, host);
  await listening;
}

/** A socket that gets what is sent to `group`, and nothing else. */
async function openMember(group: string, port: number, groupInterface: string | undefined): Promise<Socket> {
  const [address = "", zone] = group.split("%");
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", reuseAddr: true });
  try {
    await bind(socket, port, group);
    socket.addMembership(address, zone === undefined ? groupInterface : `::%${zone}`);
  } catch (error) {
    await closeSocket(socket);
    throw error;
  }
  return socket;
}

/** Where the datagram should have gone: Node's errors of sending say it. */
function destinationOf(error: Error): Address | undefined {
  if (!("address" in error) || !("port" in error)) return undefined;
  const { address, port } = error;
  return typeof address === "string" && typeof port === "number" ? { address, port } : undefined;
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** An IPv4 address as a dual-stack socket has it (RFC 4291 2.5.5.2). */
function mapToIpv6({ address, port }: Address): Address {
  return { address: `::ffff:${address}`, port };
}

function setReceiveBuffer(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
  } catch {
    // The system's limit is lower: its default has to do.
  }
}

async function closeSocket(socket: Socket): Promise<void> {
  const closed = once(socket, "close");
  socket.close();
  await closed;
}
