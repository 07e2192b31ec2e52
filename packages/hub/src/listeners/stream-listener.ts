import { createServer, type Socket } from "node:net";
import type { Server as TlsServer, TLSSocket } from "node:tls";
import { type Address, closeServer, listen, type Listener } from "./listener.js";
import { peerOf } from "./peer.js";
import { loadTlsContext } from "./tls-context.js";
import type { TlsOptions } from "./tls-options.js";

export interface StreamListenerOptions extends Address {
  /** What it stands for in the URL: `mqtt`, `http`; with TLS an `s` is put behind it. */
  readonly scheme: string;
  readonly tls?: TlsOptions | undefined;
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
  const { tls, scheme } = options;
  const tlsServer = tls === undefined ? undefined : await createTlsServer(options, tls, handleSocket);
  const server = createServer({ noDelay: true }, (socket) => {
    if (!options.isServing()) socket.destroy();
    else if (tlsServer === undefined) handleSocket(socket);
    else tlsServer.emit("connection", socket);
  });
  const bound = await listen(server, options);
  return {
    url: `${scheme}${tls === undefined ? "" : "s"}://${bound}`,
    close: () => closeServer(server),
    reload: async (tls) => {
      const context = tls === undefined ? undefined : await loadTlsContext(tls);
      return () => context && tlsServer?.setSecureContext(context);
    },
  };
}

/** It does not listen by itself: it is given the connections that were accepted. */
async function createTlsServer(
  { handleRefusal }: StreamListenerOptions,
  tls: TlsOptions,
  handleSocket: (socket: Socket) => void,
): Promise<TlsServer> {
  const context = await loadTlsContext(tls);
  const server = process.getBuiltinModule("node:tls").createServer(context, (socket) => {
    const problem = checkCertificate(socket);
    if (problem === undefined) {
      handleSocket(socket);
      return;
    }
    handleRefusal(peerOf(socket).address, "certificate", problem);
    socket.destroy();
  });
  server.on("tlsClientError", ({ message }, socket) => {
    handleRefusal(peerOf(socket).address, "tls-handshake", message);
    socket.destroy();
  });
  return server;
}

/** Where a certificate may be left out, one that is shown has to be good all the same. */
function checkCertificate(socket: TLSSocket): string | undefined {
  if (socket.authorized || socket.getPeerX509Certificate() === undefined) return undefined;
  return `the client's certificate is not accepted: ${String(socket.authorizationError)}`;
}
