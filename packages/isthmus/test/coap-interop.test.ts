import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runIsthmus, runProgram } from "./run-cli.js";

/** libcoap's programs (Debian: libcoap3-bin), which others wrote. */
const CLIENT = "coap-client-notls";
const SERVER = "coap-server-notls";
const hasLibcoap = spawnSync(CLIENT, ["-h"]).error === undefined;
const SIZES = [16, 32, 64, 128, 256, 512, 1_024];

function coap(...args: readonly string[]) {
  return runIsthmus(["coap", ...args]);
}

/** A port that is free for UDP and TCP now; most likely it still is when somebody binds it. */
async function freePort(): Promise<number> {
  for (;;) {
    const tcp = createServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const address = tcp.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const udp = createSocket("udp4");
    const isFree = await new Promise<boolean>((resolve) => {
      udp.once("error", () => resolve(false));
      udp.bind(port, "127.0.0.1", () => udp.close(() => resolve(true)));
    });
    await new Promise((resolve) => tcp.close(resolve));
    if (isFree) return port;
  }
}

/** Starts libcoap's server; its URIs, and how to stop it. */
async function startServer(...args: readonly string[]) {
  const port = await freePort();
  const child = spawn(SERVER, ["-A", "127.0.0.1", "-p", String(port), ...args], { stdio: "ignore" });
  const uri = `coap://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 50; attempt++) {
    if ((await coap("ping", "--count", "1", "-B", "0.2", uri)).exitCode === 0) break;
  }
  return {
    uri,
    tcp: `coap+tcp://127.0.0.1:${port}`,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

describe.skipIf(!hasLibcoap)("isthmus coap and libcoap's server", () => {
  let server: Awaited<ReturnType<typeof startServer>>;

  beforeAll(async () => {
    server = await startServer("-d", "20");
  });
  afterAll(() => server.stop());

  it("print the same as libcoap's client", async () => {
    for (const path of ["/", "/.well-known/core", "/async?1", "/missing"]) {
      const theirs = await runProgram(CLIENT, [server.uri + path]);
      const ours = await coap("get", server.uri + path);
      expect(ours.stdout).toBe(theirs.stdout);
    }
  });

  it("agree on all methods that it has", async () => {
    const uri = `${server.uri}/made`;
    expect((await coap("get", uri)).exitCode).toBe(4);
    expect((await coap("put", "-t", "text", "-e", "one", uri)).exitCode).toBe(0);
    expect((await coap("get", uri)).stdout).toBe("one\n");
    expect((await runProgram(CLIENT, [uri])).stdout).toBe("one\n");
    expect((await coap("delete", uri)).exitCode).toBe(0);
    expect((await coap("get", uri)).exitCode).toBe(4);
    for (const verb of ["fetch", "patch", "ipatch"])
      expect((await coap(verb, "-e", "x", `${server.uri}/`)).exitCode).toBe(4);
  });

  it.each(SIZES)("move bodies in blocks of %i bytes both ways", async (size) => {
    const uri = `${server.uri}/example_data`;
    const body = "0123456789".repeat(size).slice(0, size * 7 + 5);
    expect((await coap("put", "-t", "text", "-b", String(size), "-e", body, uri)).exitCode).toBe(0);
    expect((await coap("get", "-b", String(size), uri)).stdout).toBe(`${body}\n`);
  });

  it("observe", async () => {
    const { stdout, exitCode } = await coap("observe", "--count", "3", `${server.uri}/time`);
    const states = stdout.trim().split("\n");
    expect([states.length, new Set(states).size, exitCode]).toEqual([3, 3, 0]);
  });

  it("discover", async () => {
    const theirs = await runProgram(CLIENT, [`${server.uri}/.well-known/core?rt=ticks`]);
    expect((await coap("discover", "-q", "rt=ticks", "--raw", server.uri)).stdout).toBe(
      theirs.stdout.replaceAll(/=(\d+|ticks)/g, "=$1"),
    );
  });

  it("speak TCP", async () => {
    const body = "large ".repeat(10_000);
    expect((await coap("put", "-t", "text", "-e", body, `${server.tcp}/example_data`)).exitCode).toBe(0);
    expect((await coap("get", `${server.tcp}/example_data`)).stdout).toBe(`${body}\n`);
    expect((await coap("get", "-r", `${server.uri}/example_data`)).stdout).toBe(`${body}\n`);
    expect((await coap("ping", "--count", "1", server.tcp)).exitCode).toBe(0);
  });

  it("lose nothing and double nothing at 30 % loss", { timeout: 120_000, retry: 2 }, async () => {
    // Its losses have no seed; a message is given up when all five transmissions are lost.
    const lossy = await startServer("-d", "20", "-l", "30%");
    try {
      const body = "0123456789".repeat(15);
      expect((await coap("put", "-t", "text", "-b", "64", "-e", body, `${lossy.uri}/example_data`)).exitCode).toBe(0);
      expect((await coap("get", "-b", "64", `${lossy.uri}/example_data`)).stdout).toBe(`${body}\n`);
    } finally {
      await lossy.stop();
    }
  });
});

describe.skipIf(!hasLibcoap)("libcoap's client and isthmus coap serve --etsi", () => {
  let udp = "";
  let tcp = "";
  let stop = async (): Promise<void> => {};

  beforeAll(async () => {
    const run = coap("serve", "--etsi", "--port", "0", "--tcp-port", "0");
    [udp = "", tcp = ""] = (await run.printed(/ready\n/)).split("\n");
    stop = async () => {
      run.stop();
      await run;
    };
  });
  afterAll(() => stop());

  const client = (...args: readonly string[]) => runProgram(CLIENT, args);

  it("agree on all methods", async () => {
    expect((await client(`${udp}/test`)).stdout).toBe("the default resource of the plug tests\n");
    expect((await client("-m", "put", "-e", "x", `${udp}/create1`)).stdout).toBe("");
    expect((await client(`${udp}/create1`)).stdout).toBe("x\n");
    expect((await client("-m", "delete", `${udp}/create1`)).stdout).toBe("");
    expect((await client(`${udp}/create1`)).stderr).toMatch(/^4\.04/);
    for (const method of ["post", "fetch", "patch", "ipatch"]) {
      expect((await client("-m", method, "-e", "x", `${udp}/query`)).stderr).toMatch(/^4\.05/);
    }
  });

  it("agree on what is answered late, Non-confirmable, and with Accept", async () => {
    expect((await client(`${udp}/separate`)).stdout).toBe("GET /separate\n");
    expect((await client("-N", `${udp}/seg1/seg2/seg3`)).stdout).toBe("GET /seg1/seg2/seg3\n");
    expect((await client("-A", "xml", `${udp}/multi-format`)).stdout).toMatch(/^<plugtest>/);
    expect((await client("-A", "json", `${udp}/multi-format`)).stderr).toMatch(/^4\.06/);
  });

  it.each(SIZES)("move bodies in blocks of %i bytes both ways", async (size) => {
    const body = "0123456789".repeat(size).slice(0, size * 7 + 5);
    await client("-m", "put", "-b", String(size), "-e", body, `${udp}/large-update`);
    expect((await client("-b", String(size), `${udp}/large-update`)).stdout).toBe(`${body}\n`);
  });

  it("speak TCP", async () => {
    const body = "0123456789".repeat(2_000);
    await client("-m", "put", "-e", body, `${tcp}/large-update`);
    expect((await client(`${tcp}/large-update`)).stdout).toBe(`${body}\n`);
  });

  it("lose nothing and double nothing at 30 % loss", { timeout: 120_000, retry: 2 }, async () => {
    const body = "0123456789".repeat(15);
    await client("-l", "30%", "-m", "put", "-b", "64", "-e", body, `${udp}/large-update`);
    expect((await client("-l", "30%", "-b", "64", `${udp}/large-update`)).stdout).toBe(`${body}\n`);
  });

  it("discover", async () => {
    expect((await client(`${udp}/.well-known/core?rt=Type2`)).stdout).toBe(
      '</test>;rt="Type1 Type2";if="If1";title="Default test resource",</link1>;rt="Type1 Type2";if="If1",</link2>;rt="Type2 Type3";if="If2"\n',
    );
  });

  it("observe", { timeout: 30_000 }, async () => {
    const observation = client("-s", "3", `${udp}/obs`);
    await observation.printed(/\/obs \d/);
    await coap("put", "-e", "by PUT", `${udp}/obs`);
    expect((await observation).stdout).toMatch(/\/obs \d+[\s\S]*by PUT/);
  });
});
