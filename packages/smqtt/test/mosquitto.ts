import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const MOSQUITTO = "/usr/sbin/mosquitto";
export const hasMosquitto = existsSync(MOSQUITTO) && existsSync("/usr/bin/mosquitto_sub");

/** Debian's mosquitto on a free port of the loopback. */
export async function startMosquitto(): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "smqtt-mosquitto-"));
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  const broker = spawn(MOSQUITTO, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  await said(broker, "running");
  return {
    port,
    stop: async () => {
      await ended(broker);
      rmSync(folder, { recursive: true });
    },
  };
}

/** `mosquitto_sub` on everything: all bytes that an onlooker at the broker sees, as hexadecimal lines. */
export async function startOnlooker(port: number): Promise<{ seen: () => string; stop: () => Promise<void> }> {
  const onlooker = spawn("/usr/bin/mosquitto_sub", ["-p", String(port), "-t", "#", "-F", "%t %x"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let seen = "";
  onlooker.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  return { seen: () => seen, stop: async () => ended(onlooker) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await exit;
}

async function said(child: ChildProcess, word: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => chunk.toString().includes(word) && resolve());
    child.once("exit", (code) => reject(new Error(`mosquitto ended with ${code}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
