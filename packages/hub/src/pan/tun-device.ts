import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { PAN_DEFAULTS, type TunOptions } from "./pan-options.js";

const LOOPBACK = "127.0.0.1";
/** RFC 8200 5: what every link of IPv6 carries, and the network's takes no more. */
const MTU = 1280;
const READY_MS = 5_000;
const POLL_MS = 20;
const STDERR_LIMIT = 1_000;

/** A TUN device that cannot be had, said in a way that tells what to do. */
export class TunError extends Error {
  override readonly name = "TunError";
}

interface Settings {
  readonly name: string;
  readonly address: string;
  readonly isReady: boolean;
}

/** What stands around the device. */
export interface TunSurroundings {
  /** The /64 of the network: the host's way there is the device. */
  readonly prefix: string;
  /** Takes a packet of the host's to the network. */
  readonly receive: (packet: Uint8Array) => void;
  /** Told when the device is lost while it should be there. */
  readonly onLost: (reason: string) => void;
}

/**
 * A TUN device: programs of the host, and whatever the host routes, reach nodes by their addresses. Node opens no such
 * devices; socat does, and passes each packet on as a datagram over loopback. It ends with this process, however that ends.
 */
export class TunDevice {
  readonly #helper: ChildProcess;
  readonly #socket: Socket;
  #isClosing = false;

  private constructor(helper: ChildProcess, socket: Socket, { receive, onLost }: TunSurroundings) {
    this.#helper = helper;
    this.#socket = socket;
    socket.on("message", receive);
    // A datagram that the helper did not take is a packet lost, as on any link.
    socket.on("error", () => undefined);
    helper.once("exit", (code, signal) => {
      if (!this.#isClosing) onLost(`socat ended with ${signal ?? code}`);
    });
  }

  /** Makes the device, or takes the one that is there. @throws TunError */
  static async open(options: TunOptions, surroundings: TunSurroundings): Promise<TunDevice> {
    const { name, address, isReady } = PAN_DEFAULTS.tun;
    const settings = {
      name: options.name ?? name,
      address: options.address ?? address,
      isReady: options.isReady ?? isReady,
    };
    const socket = await boundSocket();
    const helper = await startHelper(settings, socket);
    const device = new TunDevice(helper, socket, surroundings);
    try {
      if (!settings.isReady) await configure(settings, surroundings.prefix);
      return device;
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  /** Gives the host a packet of the network's. */
  send(packet: Uint8Array): void {
    if (!this.#isClosing) this.#socket.send(packet);
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#socket.close();
    await end(this.#helper);
  }
}

async function boundSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, LOOPBACK);
  await once(socket, "listening");
  return socket;
}

/** Starts socat between `socket` and the device; each takes datagrams from the other alone. */
async function startHelper({ name, isReady }: Settings, socket: Socket): Promise<ChildProcess> {
  const reserved = await boundSocket();
  const { port } = reserved.address();
  reserved.close();
  await once(reserved, "close");
  const up = isReady ? "" : ",iff-up";
  const device = `TUN,tun-name=${name},tun-type=tun,iff-no-pi${up}`;
  const peer = `UDP4:${LOOPBACK}:${socket.address().port},bind=${LOOPBACK}:${port}`;
  // It must not outlive this process: the next one would find the device taken.
  const helper = spawn("setpriv", ["--pdeathsig", "KILL", "socat", device, peer], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  helper.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-STDERR_LIMIT)));
  let failure: string | undefined;
  helper.once("error", (error) => (failure = error.message));
  helper.once("exit", (code) => (failure ??= explain(stderr) ?? `socat ended with ${code}`));
  for (const deadline = performance.now() + READY_MS; !(await isAttached(name)); await delay(POLL_MS)) {
    if (failure === undefined && performance.now() > deadline) failure = `nothing within ${READY_MS} ms`;
    if (failure === undefined) continue;
    socket.close();
    await end(helper);
    throw new TunError(`no TUN device ${name}: ${failure}. ${HINT}`);
  }
  socket.connect(port, LOOPBACK);
  await once(socket, "connect");
  return helper;
}

const HINT = "It takes socat, setpriv (util-linux), ip (iproute2) and CAP_NET_ADMIN; docs/6lowpan.md tells how";

/** socat's own words without its date and number. */
function explain(stderr: string): string | undefined {
  const line = stderr.split("\n").find((each) => / [EF] |setpriv:/.test(each));
  return line?.replace(/^.* [EF] /, "").trim();
}

async function isAttached(name: string): Promise<boolean> {
  try {
    return (await readFile(`/sys/class/net/${name}/carrier`, "utf8")).trim() === "1";
  } catch {
    // There is none yet, or it is not up.
    return false;
  }
}

async function configure({ name, address }: Settings, prefix: string): Promise<void> {
  await ip("link", "set", "dev", name, "mtu", String(MTU));
  await ip("-6", "address", "replace", `${address}/128`, "dev", name);
  await ip("-6", "route", "replace", prefix, "dev", name, "src", address);
}

async function ip(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)("ip", args);
  } catch (cause) {
    throw new TunError(`${cause instanceof Error ? cause.message.trim() : String(cause)}. ${HINT}`, { cause });
  }
}

async function end(helper: ChildProcess): Promise<void> {
  if (helper.pid === undefined || helper.exitCode !== null || helper.signalCode !== null) return;
  const exited = once(helper, "exit");
  helper.kill("SIGKILL");
  await exited;
}
