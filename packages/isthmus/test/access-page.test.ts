import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Run, type RunResult, runIsthmus, runProgram } from "./run-cli.js";

// What docs/access.md tells a newcomer to type, typed: with openssl and mosquitto's clients, as processes of their own.
const page = readFileSync(fileURLToPath(new URL("../../../docs/access.md", import.meta.url)), "utf8");
const blocks = Array.from(page.matchAll(/^```(\w*)\n(.*?)^```$/gms), ([, language = "", text = ""]) => ({
  language,
  text,
}));
const folder = mkdtempSync(path.join(tmpdir(), "isthmus-access-page-"));
const passwordByUser: Readonly<Record<string, string>> = { anna: "sesame", ben: "open" };
let hub: Run;
let port: string;

function blockWith(text: string): string {
  const found = blocks.find((block) => block.text.includes(text));
  if (found === undefined) throw new Error(`docs/access.md has no block with ${text}`);
  return found.text;
}

function inFolder(name: string): string {
  return path.join(folder, name);
}

/** Runs a block of openssl commands. */
function sh(script: string): void {
  execFileSync("sh", ["-e", "-c", script], { cwd: folder, stdio: "pipe" });
}

/** Runs the line of a mosquitto client on the page, with what is its own here put in. */
function mosquitto(line: string): Run {
  const [program = "", ...args] = line
    .trim()
    .split(/ +/)
    .map((word) => word.replaceAll("'", ""));
  const user = args[args.indexOf("-u") + 1] ?? "";
  const real = args.map((word) => {
    if (word === "8883") return port;
    if (word === "...") return passwordByUser[user] ?? "";
    return /\.(crt|key)$/.test(word) ? inFolder(word) : word;
  });
  return runProgram(program, ["-h", "localhost", ...real]);
}

async function published(line: string): Promise<Pick<RunResult, "exitCode" | "stderr">> {
  const { exitCode, stderr } = await mosquitto(`${line} -q 1`);
  return { exitCode, stderr };
}

beforeAll(async () => {
  sh(blockWith('-subj "/CN=my authority"'));
  for (const line of blockWith("isthmus passwd -c users anna").trim().split("\n")) {
    const args = line.replace("npx isthmus ", "").replace("users", inFolder("users")).split(" ");
    const user = args.at(-1) ?? "";
    expect(await runIsthmus(args, `${passwordByUser[user]}\n`)).toMatchObject({ exitCode: 0, stderr: "" });
  }
  writeFileSync(inFolder("isthmus.yaml"), blockWith("cert_file: server.crt").replace("port: 8883", "port: 0"));
  expect(await runIsthmus(["config", "check", inFolder("isthmus.yaml")])).toMatchObject({ exitCode: 0 });
  hub = runIsthmus(["serve", "--memory", "--config", inFolder("isthmus.yaml"), "--log-level", "silent"]);
  const printed = await hub.printed(/^ready$/m);
  port = /mqtts:\/\/0\.0\.0\.0:(\d+)/.exec(printed)?.[1] ?? "";
  expect(printed).toContain(`access  2 users of ${inFolder("users")} may publish and subscribe as 2 rules allow`);
});

afterAll(async () => {
  hub.stop();
  await hub;
  rmSync(folder, { recursive: true, force: true });
});

test("the page's subscriber gets the temperature and not the door", async () => {
  const [subscribe = "", temperature = "", door = ""] = blockWith("-t 'house/#' -v").trim().split("\n");
  const subscriber = mosquitto(`${subscribe} -d -C 1 -W 30`);
  await subscriber.printed(/Subscribed/);
  expect(await published(door)).toEqual({ exitCode: 0, stderr: "" });
  expect(await published(temperature)).toEqual({ exitCode: 0, stderr: "" });
  const { stdout, exitCode } = await subscriber;
  expect(exitCode).toBe(0);
  expect(stdout.split("\n").filter((line) => line.startsWith("house/"))).toEqual(["house/kitchen/temperature 19"]);
});

test("the page's programs speak CoAP over TLS", async () => {
  const listener = blockWith("type: coaps").replace("listeners:\n", "").replace("0.0.0.0", "127.0.0.1\n    port: 0");
  writeFileSync(
    inFolder("coaps.yaml"),
    readFileSync(inFolder("isthmus.yaml"), "utf8").replace("access:", `${listener}access:`),
  );
  const other = runIsthmus(["serve", "--memory", "--config", inFolder("coaps.yaml"), "--log-level", "silent"]);
  const coapsPort = /coaps\+tcp:\/\/127\.0\.0\.1:(\d+)/.exec(await other.printed(/^ready$/m))?.[1] ?? "";
  const [put = "", get = ""] = blockWith("coap-client-openssl").trim().split("\n");
  const wordsOf = (line: string): string[] =>
    line.split(" ").map((word) =>
      word
        .replaceAll("'", "")
        .replace("ca.crt", inFolder("ca.crt"))
        .replace("localhost", `localhost:${coapsPort}`)
        .replace(/user=(\w+)&password=\.\.\./, (_, user: string) => `user=${user}&password=${passwordByUser[user]}`),
    );
  const [program = "", ...putArgs] = wordsOf(put);
  expect(await runProgram(program, putArgs)).toMatchObject({ exitCode: 0, stderr: "" });
  const getArgs = wordsOf(get).slice(2);
  expect(await runIsthmus(getArgs)).toMatchObject({ exitCode: 0, stdout: "20\n" });
  other.stop();
  await other;
});

test.each([
  ["coap get", (): string[] => ["coap", "get", `coaps+tcp://localhost:${port}/x`], 3, "-C FILE names the authority"],
  [
    "pub",
    (): string[] => ["pub", "-L", `mqtts://localhost:${port}/x`, "-m", "x"],
    1,
    "--cafile FILE names the authority",
  ],
])("isthmus %s says what to do about a server that nobody vouches for", async (_, args, exitCode, hint) => {
  const run = await runIsthmus(args());
  expect(run.exitCode).toBe(exitCode);
  expect(run.stderr).toMatch(/certificate/);
  expect(run.stderr).toContain(`  who vouches for the server is not trusted: ${hint}`);
});

test.each([
  ["a wrong password", "-u anna -P wrong --cafile ca.crt", "bad user name or password"],
  ["no password", "--cafile ca.crt", "not authorised"],
  ["an authority that is not known", "-u anna -P ... --cafile server.key", "TLS"],
])("who comes with %s is told so", async (_, args, problem) => {
  const { exitCode, stderr } = await published(`mosquitto_pub -p 8883 ${args} -t house/door -m x`);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(problem);
});

test("the page's client certificate is an identity", async () => {
  const [request = "", sign = "", publish = ""] = blockWith('-subj "/CN=anna"').trim().split("\n");
  sh(`${request}\n${sign}`);
  writeFileSync(
    inFolder("certificates.yaml"),
    readFileSync(inFolder("isthmus.yaml"), "utf8")
      .replace("key_file: server.key", "key_file: server.key\n      ca_file: ca.crt")
      .replace(/type: passwords\n +file: users/, "type: certificate"),
  );
  const other = runIsthmus(["serve", "--memory", "--config", inFolder("certificates.yaml"), "--log-level", "silent"]);
  const passwordPort = port;
  port = /mqtts:\/\/0\.0\.0\.0:(\d+)/.exec(await other.printed(/^ready$/m))?.[1] ?? "";
  expect(await published(publish)).toEqual({ exitCode: 0, stderr: "" });
  expect((await published("mosquitto_pub -p 8883 --cafile ca.crt -t house/door -m x")).exitCode).not.toBe(0);
  const ca = inFolder("ca.crt");
  const without = await runIsthmus(["pub", "-L", `mqtts://localhost:${port}/x`, "--cafile", ca, "-m", "x"]);
  expect(without.exitCode).not.toBe(0);
  expect(without.stderr).toContain("the server may want a certificate: --cert FILE and --key FILE");
  port = passwordPort;
  other.stop();
  await other;
});
