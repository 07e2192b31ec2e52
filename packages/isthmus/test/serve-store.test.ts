import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "@isthmus/mqtt";
import { openStore } from "@isthmus/hub/store";
import { afterAll, describe, expect, test } from "vitest";
import { type Run, runIsthmus } from "./run-cli.js";

const root = mkdtempSync(path.join(tmpdir(), "isthmus-serve-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function serve(data: string, ...flags: string[]): Promise<{ run: Run; url: string; printed: string }> {
  const run = runIsthmus([
    "serve",
    "--data",
    data,
    "--mqtt-port",
    "0",
    "--http-port",
    "off",
    "--coap-port",
    "off",
    "--log-level",
    "silent",
    ...flags,
  ]);
  const printed = await run.printed(/^ready$/m);
  return { run, printed, url: /mqtt:\/\/\S+/.exec(printed)?.[0] ?? "" };
}

describe("isthmus serve --data", () => {
  test("says where it keeps what, and has it again after a restart", async () => {
    const data = path.join(root, "kept");
    const first = await serve(data, "--durability", "interval");
    expect(first.printed).toMatch(new RegExp(`^data +${data} \\(durability interval\\)$`, "m"));
    const publisher = await connect(first.url, { reconnect: false });
    await publisher.publish("house/door", "open", { qos: 1, retain: true });
    await publisher.close();
    first.run.stop();
    expect((await first.run).exitCode).toBe(0);

    const second = await serve(data);
    const subscriber = await connect(second.url, { reconnect: false });
    for await (const message of await subscriber.subscribe("house/#")) {
      expect(message.text()).toBe("open");
      break;
    }
    await subscriber.close();
    second.run.stop();
    await second.run;
  });

  test("does not start where another hub is", async () => {
    const data = path.join(root, "kept");
    const store = await openStore(data);
    const { exitCode, stderr } = await runIsthmus([
      "serve",
      "--data",
      data,
      "--mqtt-port",
      "0",
      "--http-port",
      "off",
      "--coap-port",
      "off",
    ]);
    await store.close();
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${data} is in use by this process: stop that hub, or choose another directory`);
    expect(stderr).toContain("--data DIR, or --memory to keep nothing");
  });

  test.runIf(process.platform === "linux")("ends when its disk is full, with a message and exit code 2", async () => {
    const data = path.join(root, "full");
    await (await openStore(data)).close();
    rmSync(path.join(data, "journal-1"));
    symlinkSync("/dev/full", path.join(data, "journal-1"));
    const { run, url } = await serve(data);
    // Without a session that lasts there is nothing to store before the message.
    const publisher = await connect(url, { reconnect: false, sessionExpiryIntervalSeconds: 0 });
    await expect(publisher.publish("a", "1", { qos: 1, retain: true })).rejects.toThrow();
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`isthmus: the disk of ${data} is full: make room and start again`);
    await publisher.close();
  });
});
