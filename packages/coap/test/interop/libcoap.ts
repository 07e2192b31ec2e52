import { execFile, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether libcoap's command line tools (Debian: libcoap3-bin) are installed. */
export const hasLibcoap = spawnSync("coap-client-notls", ["-h"]).error === undefined;

/** Runs libcoap's client and returns what it prints, without the line ends that it adds. */
export async function coapClient(...parameters: string[]): Promise<string> {
  const options = { timeout: 60_000, maxBuffer: 1 << 26, encoding: "latin1" } as const;
  const { stdout, stderr } = await run("coap-client-notls", parameters, options);
  // An error response is written to stderr: "4.04 Not Found".
  return `${stdout}${stderr}`.replace(/\n+$/, "");
}

/** A server of libcoap on a port of its own. */
export class CoapServer {
  readonly port: number;
  readonly #stop: () => Promise<void>;

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  /** Starts it and waits until it answers pings. */
  static async start(...parameters: string[]): Promise<CoapServer> {
    const port = await freePort();
    const child = spawn("coap-server-notls", ["-A", "127.0.0.1", "-p", `${port}`, ...parameters], { stdio: "ignore" });
    const exited = once(child, "exit");
    await waitForPing(port);
    return new CoapServer(port, async () => {
      child.kill("SIGINT");
      const killed = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await exited;
      clearTimeout(killed);
    });
  }

  async stop(): Promise<void> {
    await this.#stop();
  }
}

/** A port that is free now for TCP and UDP; most likely it still is when the server binds it. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const isFree = await isFreeForUdp(port);
    server.close();
    await once(server, "close");
    if (isFree) return port;
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const bound = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  const isFree = await bound.then(
    () => true,
    () => false,
  );
  socket.close();
  return isFree;
}

async function waitForPing(port: number): Promise<void> {
  const socket = createSocket("udp4");
  const answered = once(socket, "message");
  const pings = setInterval(() => socket.send(Uint8Array.of(0x40, 0, 0, 1), port, "127.0.0.1"), 20);
  const tooLate = setTimeout(() => socket.emit("message", undefined), 10_000);
  const [answer] = await answered;
  clearInterval(pings);
  clearTimeout(tooLate);
  socket.close();
  if (answer === undefined) throw new Error(`coap-server-notls does not answer on port ${port}`);
}
