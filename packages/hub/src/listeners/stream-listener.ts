import { createServer, type Server, Socket } from "node:net";
import type { TlsOptions as TlsOptionsOfNode, TLSSocket } from "node:tls";
import { formatAddress } from "@isthmus/mqtt/transport-node";
import { ConnectionGate, type ConnectionLimits } from "./connection-gate.js";
import { type Address, closeServer, listen, type Listener } from "./listener.js";
import { hostOf, peerOf, setProxiedAddress } from "./peer.js";
import { ProxyGate, ProxyProtocolError, type ProxyProtocolOptions } from "./proxy-protocol.js";
import { loadTlsContext } from "./tls-context.js";
import type { TlsOptions } from "./tls-options.js";

export interface StreamListenerOptions extends Address {
  /** What it stands for in the URL: `mqtt`, `https`. */
  readonly scheme: string;
  readonly tls?: TlsOptions | undefined;
  /** The application protocols that TLS agrees on (RFC 7301), for clients that name theirs. Default: none is named. */
  readonly alpnProtocols?: readonly string[] | undefined;
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
  readonly limits?: ConnectionLimits | undefined;
  /** Until it says so, connections are closed at once: rules for them are not in force yet. */
  readonly isServing: () => boolean;
  /** Told of each connection that came to nothing. */
  readonly handleRefusal: (address: string, label: string, reason: string) => void;
}

/** A listener that takes TCP connections, with or without TLS. */
export interface StreamListener extends Listener {
  /**
   * Reads the files of TLS again, or others.
   *
   * @returns what puts them to use, for the connections to come; those that are open go on.
   * @throws TlsError: the former ones stay in use.
   */
  reload(tls: TlsOptions | undefined): Promise<() => void>;
}

/**
 * Listens for TCP connections and hands on each that is ready for its protocol: over TLS, once the handshake is done.
 *
 * @throws ListenError, TlsError
 */
export async function openStreamListener(
  options: StreamListenerOptions,
  handleSocket: (socket: Socket) => void,
): Promise<StreamListener> {
  const { tls, scheme, proxyProtocol, limits = {}, handleRefusal } = options;
  const gate = new ConnectionGate(limits);
  const proxyGate = proxyProtocol && new ProxyGate(proxyProtocol);
  const tlsAcceptor = tls === undefined ? undefined : await createTlsAcceptor(options, tls, handleSocket);
  /** Connections whose proxy has yet to say who they are of. */
  const unnamed = new Set<Socket>();
  const admit = (socket: Socket): void => {
    const { address } = peerOf(socket);
    const host = hostOf(address);
    const turnaway = gate.enter(host, performance.now());
    if (turnaway !== undefined) {
      handleRefusal(address, turnaway.label, turnaway.reason);
      socket.destroy();
      return;
    }
    socket.once("close", () => gate.leave(host));
    if (tlsAcceptor === undefined) handleSocket(socket);
    else tlsAcceptor.accept(socket);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    if (!options.isServing()) {
      socket.destroy();
    } else if (proxyGate === undefined) {
      admit(socket);
    } else {
      unnamed.add(socket);
      admitProxied(proxyGate, socket, admit, handleRefusal)
        .catch(() => socket.destroy())
        .finally(() => unnamed.delete(socket));
    }
  });
  const bound = await listen(server, options);
  return {
    url: `${scheme}://${bound}`,
    close: () => {
      const closed = closeServer(server);
      for (const socket of unnamed) socket.destroy();
      tlsAcceptor?.cutOff();
      return closed;
    },
    reload: async (tls) => {
      const context = tls === undefined ? undefined : await loadTlsContext(tls);
      return () => context && tlsAcceptor?.setContext(context);
    },
  };
}

/** Goes on with who the proxy says that it speaks for. */
async function admitProxied(
  proxyGate: ProxyGate,
  socket: Socket,
  admit: (socket: Socket) => void,
  handleRefusal: StreamListenerOptions["handleRefusal"],
): Promise<void> {
  // Nobody listens for errors yet.
  const ignore = (): void => {};
  socket.on("error", ignore);
  try {
    const address = await proxyGate.readAddress(socket);
    if (address !== undefined) setProxiedAddress(socket, address);
    admit(socket);
  } catch (error) {
    if (!(error instanceof ProxyProtocolError)) throw error;
    handleRefusal(peerOf(socket).address, "proxy-protocol", error.message);
    socket.destroy();
  } finally {
    socket.off("error", ignore);
  }
}

/** Makes TLS of connections that were accepted. */
interface TlsAcceptor {
  accept(socket: Socket): void;
  /** For the connections to come. */
  setContext(context: TlsOptionsOfNode): void;
  /** Ends the connections whose handshake is under way. */
  cutOff(): void;
}

async function createTlsAcceptor(
  { alpnProtocols, handleRefusal }: StreamListenerOptions,
  tls: TlsOptions,
  handleSocket: (socket: Socket) => void,
): Promise<TlsAcceptor> {
  /** The connections whose handshake is under way. A TLS socket has the endpoint of the one below, and no other tie. */
  const pendingByEndpoint = new Map<string, Socket>();
  const takeAddress = (socket: TLSSocket): string => {
    const endpoint = peerOf(socket).address;
    const below = pendingByEndpoint.get(endpoint);
    pendingByEndpoint.delete(endpoint);
    if (below !== undefined) setProxiedAddress(socket, peerOf(below).address);
    return peerOf(socket).address;
  };
  const handleSecured = (socket: TLSSocket): void => {
    const address = takeAddress(socket);
    const problem = checkCertificate(socket);
    if (problem === undefined) {
      handleSocket(socket);
      return;
    }
    handleRefusal(address, "certificate", problem);
    socket.destroy();
  };
  const makeServer = (context: TlsOptionsOfNode): Server => {
    const named = { ...context, ...(alpnProtocols && { ALPNProtocols: [...alpnProtocols] }) };
    const server = process.getBuiltinModule("node:tls").createServer(named, handleSecured);
    server.on("tlsClientError", (error, socket) => {
      handleRefusal(peerOf(connectionBelow(socket)).address, "tls-handshake", explain(error));
      socket.destroy();
    });
    return server;
  };
  let server = makeServer(await loadTlsContext(tls));
  return {
    accept: (socket) => {
      const endpoint = formatAddress(socket.remoteAddress, socket.remotePort);
      pendingByEndpoint.set(endpoint, socket);
      socket.once("close", () => {
        if (pendingByEndpoint.get(endpoint) === socket) pendingByEndpoint.delete(endpoint);
      });
      server.emit("connection", socket);
    },
    // Another server: that of before would go on asking for certificates, or not, as it was made to.
    setContext: (context) => void (server = makeServer(context)),
    cutOff: () => {
      for (const socket of pendingByEndpoint.values()) socket.destroy();
    },
  };
}

/** Where a certificate may be left out, one that is shown has to be good all the same. */
function checkCertificate(socket: TLSSocket): string | undefined {
  if (socket.authorized || socket.getPeerX509Certificate() === undefined) return undefined;
  return `the client's certificate is not accepted: ${String(socket.authorizationError)}`;
}

/**
 * The connection that a TLS socket is on. One whose handshake has failed has lost its address, and Node.js has no other
 * word for what it was on: should the property go, the log will say "unknown".
 */
function connectionBelow(socket: TLSSocket): Socket {
  const below: unknown = Reflect.get(socket, "_parent");
  return below instanceof Socket ? below : socket;
}

/** OpenSSL's word for it, without the places of its source code. */
function explain(error: Error): string {
  return "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
}
