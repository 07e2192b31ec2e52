import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServiceNotifier } from "../src/config/service-notifier.js";

/** What systemd does: a datagram socket, each message of which is printed as a line of JSON. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    message, descriptors, flags, address = socket.recv_fds(s, 4096, 4)
    text = message.decode()
    # systemd-notify asks to be told when it was heard, by the end of a pipe.
    for descriptor in descriptors: __import__("os").close(descriptor)
    if text != "BARRIER=1": print(json.dumps(text.splitlines()), flush=True)
`;

let folder: string;
let listener: ChildProcess;
let lines: AsyncIterator<string>;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "isthmus-notify-"));
  const child = spawn("python3", ["-c", LISTENER, path.join(folder, "notify")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  listener = child;
  lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("listening");
  process.env["NOTIFY_SOCKET"] = path.join(folder, "notify");
});

afterEach(async () => {
  delete process.env["NOTIFY_SOCKET"];
  listener.kill();
  await once(listener, "exit");
  rmSync(folder, { recursive: true });
});

const told = async (): Promise<string[]> => JSON.parse((await lines.next()).value);

test("systemd is told in order: ready, reloading, ready, alive, stopping", async () => {
  const notifier = new ServiceNotifier({ ...process.env, WATCHDOG_USEC: "500000" }, pino({ level: "silent" }));
  notifier.ready("2 users may connect");
  notifier.reloading();
  notifier.ready("3 users may connect");
  expect(await told()).toEqual(["READY=1", "STATUS=2 users may connect"]);
  expect(await told()).toEqual(["RELOADING=1", expect.stringMatching(/^MONOTONIC_USEC=\d+$/)]);
  expect(await told()).toEqual(["READY=1", "STATUS=3 users may connect"]);
  expect(await told()).toEqual(["WATCHDOG=1"]);
  await notifier.stopping();
  let last = await told();
  while (last[0] === "WATCHDOG=1") last = await told();
  expect(last).toEqual(["STOPPING=1"]);
});

test("nobody is told anything where nobody listens, nor by a process that the watchdog is not about", async () => {
  const silent = new ServiceNotifier({}, pino({ level: "silent" }));
  silent.ready("");
  await silent.stopping();
  const other = { ...process.env, WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" };
  const notifier = new ServiceNotifier(other, pino({ level: "silent" }));
  notifier.ready("");
  await notifier.stopping();
  expect(await told()).toEqual(["READY=1", "STATUS="]);
  expect(await told()).toEqual(["STOPPING=1"]);
});
