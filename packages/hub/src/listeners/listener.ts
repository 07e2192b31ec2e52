import type { Server } from "node:net";

/** Where to listen. Port 0 picks a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An open door. */
export interface Listener {
  /** Where it can be reached. */
  readonly url: string;
  /** Takes no more connections. Those that are open are their owners' to close. */
  close(): Promise<void>;
}

/** A port that cannot be had, said in a way that tells what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  /** What a socket's error says to whoever chose host and port. */
  static from(cause: NodeJS.ErrnoException, { host, port }: Address): ListenError {
    return new ListenError(explain(cause, host, port), { cause });
  }
}

/**
 * Starts to listen.
 *
 * @returns host and port that it listens on, as they stand in a URL.
 * @throws ListenError
 */
export function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(ListenError.from(cause, { host, port }));
    });
    server.listen({ host, port, backlog: 4096 }, () => {
      const bound = server.address();
      // A server that listens on host and port has an address object.
      const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
      resolve(`${host.includes(":") ? `[${host}]` : host}:${boundPort}`);
    });
  });
}

/** Whether only this machine reaches `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function explain({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is taken by another program: stop it, or choose another port (0 picks a free one)`;
    case "EACCES":
      return `no permission to listen on port ${port}: ports below 1024 need privileges`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine`;
    default:
      return `cannot listen on ${host} port ${port}: ${message}`;
  }
}
