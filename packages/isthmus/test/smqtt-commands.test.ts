import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { main } from "../src/cli.js";
import { type Run, runIsthmus, runProgram, type RunResult } from "./run-cli.js";

const broker = findProgram("mosquitto");
const subscriber = findProgram("mosquitto_sub");

let folder: string;
const path = (name: string): string => join(folder, name);
const running = new Set<Run>();

/** `isthmus smqtt`, with passphrases that are quick to derive a key from. */
function smqtt(verb: string, args: readonly string[] = [], stdin: string | Uint8Array = ""): Run {
  const makesFile = verb === "setup" || verb === "enrol";
  const run = runIsthmus(["smqtt", verb, ...(makesFile ? ["--scrypt-cost", "10"] : []), ...args], stdin);
  running.add(run);
  return run;
}

/** An authority whose keys are issued in no time, and one of attribute-based suites. */
const ours = (...args: string[]): string[] => ["--authority", path("a.smqtt"), ...args];
const clinic = (...args: string[]): string[] => ["--authority", path("clinic.smqtt"), ...args];
const keys = (name: string): string[] => ["--keys", path(`${name}.smqtt`)];

/** Runs to the end, which must be a good one. */
async function done(run: PromiseLike<RunResult>): Promise<string> {
  const { stdout, stderr, exitCode } = await run;
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return stdout;
}

async function failed(run: PromiseLike<RunResult>): Promise<string> {
  const { stdout, stderr, exitCode } = await run;
  expect(exitCode).toBe(1);
  expect(stdout).toBe("");
  return stderr;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "isthmus-smqtt-"));
  process.env["SMQTT_PASSPHRASE"] = "device";
  process.env["SMQTT_AUTHORITY_PASSPHRASE"] = "owner";
  await done(smqtt("setup", ours("--name", "hospital", "--suites", "psk,hpke")));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  for (const run of running) run.stop();
  running.clear();
});

describe("isthmus smqtt, with files alone", () => {
  it("setup makes a file that is its owner's alone, and never writes one over", async () => {
    expect((await stat(path("a.smqtt"))).mode & 0o777).toBe(0o600);
    const before = await readFile(path("a.smqtt"));
    expect(await failed(smqtt("setup", ours()))).toMatch(/there is a file .* already\n {2}it is not written over/);
    expect(await readFile(path("a.smqtt"))).toEqual(before);
    const unknown = await failed(smqtt("setup", ["--authority", path("x.smqtt"), "--suites", "kp-abe,rsa"]));
    expect(unknown).toMatch(/no suite "rsa"\n {2}there are psk, psk-tree, hpke, kp-abe, cp-abe/);
  });

  it("enrol with the authority at hand: device file, grant, and what inspect shows of both", async () => {
    const grant = ["--publish", "ward/#", "--role", "nurse", "--role", "ward=3", "--days", "90"];
    const said = await done(smqtt("enrol", ["nurse", ...grant, ...ours(...keys("nurse"))]));
    expect(said).toMatch(/device "nurse" of "hospital"\n {2}id +[0-9a-f]{16}\n {2}publishes to +ward\/#/);
    expect((await stat(path("nurse.smqtt"))).mode & 0o777).toBe(0o600);
    expect(await done(smqtt("inspect", [path("nurse.smqtt")]))).toMatch(/reads with +nothing/);
    const inspected = await done(smqtt("inspect", [path("a.smqtt")]));
    expect(inspected).toMatch(/suites +psk \(generation 1\), hpke \(generation 1\)/);
    expect(inspected).toMatch(/nurse\n(.*\n)* +is +nurse, ward=3\n/);
  });

  it("enrol by files: request, answer, and nothing else", async () => {
    const invitation = await done(smqtt("invite", ["display", "--subscribe", "ward/+/pulse", ...ours()]));
    await writeFile(path("invitation.txt"), invitation);
    expect(await done(smqtt("inspect", [path("invitation.txt")]))).toMatch(
      /can enrol, once\n {2}authority {2}[0-9a-f]{16}/,
    );
    const files = ["--request", path("request"), ...keys("display")];
    await done(smqtt("enrol", ["--invitation", `@${path("invitation.txt")}`, ...files]));
    expect(await done(smqtt("inspect", [path("display.smqtt")]))).toContain("awaits the authority's answer");
    expect(await failed(smqtt("sub", ["-t", "x", ...keys("display")]))).toContain("--answer FILE completes it");

    const answering = ["--request", path("request"), "--answer", path("answer")];
    await done(smqtt("authority", ours(...answering)));
    expect(await done(smqtt("enrol", ["--answer", path("answer"), ...keys("display")]))).toContain('device "display"');
    expect(await failed(smqtt("authority", ours(...answering)))).toContain("no such invitation, or it was used");
  });

  it("renew by files: the authority writes answers, the device takes its own", async () => {
    await done(smqtt("enrol", ["renewed", "--publish", "a", ...ours(...keys("renewed"))]));
    const written = await done(smqtt("renew", ["renewed", ...ours("--out", path("answers"))]));
    const [answer = ""] = written.split("  ");
    expect(await done(smqtt("renew", [...keys("renewed"), "--answer", answer]))).toContain('device "renewed"');
    await done(smqtt("enrol", ["other", "--publish", "a", ...ours(...keys("other"))]));
    expect(await failed(smqtt("renew", [...keys("other"), "--answer", answer]))).toContain("not sealed for us");
  });

  it.each<[string, string, () => string[], RegExp]>([
    ["no name", "enrol", () => ours(), /needs a name/],
    ["nothing granted", "enrol", () => ours("x"), /allowed nothing\n {2}--publish FILTER/],
    ["a filter that is none", "enrol", () => ours("x", "--publish", "a/#/b", ...keys("x")), /goes on after "#"/],
    ["a role that is ours", "invite", () => ours("x", "--role", "@gen/9"), /@gen\/9/],
    ["a number too large", "invite", () => ours("x", "--role", "floor=256"), /from 0 to 255/],
    ["no such device", "revoke", () => ours("nobody", "--offline"), /no device "nobody"\n {2}there are /],
    ["no such file", "inspect", () => [path("none")], /none: ENOENT/],
    [
      "no invitation",
      "enrol",
      () => ["--invitation", "smqtt:12", ...keys("x")],
      /not an invitation\n {2}an invitation is/,
    ],
    [
      "no key file",
      "pub",
      () => ["-t", "a", "-m", "x", ...keys("none")],
      /there is no file .*none\.smqtt\n {2}isthmus smqtt enrol/,
    ],
    ["no topic", "pub", () => ["-m", "x", ...keys("nurse")], /no topic to publish to/],
    ["no such verb", "publish", () => [], /no command "smqtt publish"/],
  ])("%s is told, with what to do", async (_, verb, args, expected) => {
    expect(await failed(smqtt(verb, args()))).toMatch(expected);
  });

  it("inspect shows what anyone can see of bytes, and refuses what is none", async () => {
    expect(await failed(smqtt("inspect", ["-"], "hello"))).toContain("neither a sealed message, nor a wrap");
  });
});

describe("passphrases", () => {
  it("come from a file, and a wrong one is told", async () => {
    await writeFile(path("right"), "device\nnothing of this line");
    await writeFile(path("wrong"), "Device\n");
    const args = [path("nurse.smqtt"), "--passphrase-file"];
    await done(smqtt("inspect", [...args, path("right")]));
    expect(await failed(smqtt("inspect", [...args, path("wrong")]))).toContain(
      "wrong passphrase, or the file was altered",
    );
    expect(await failed(smqtt("inspect", [...args, path("none")]))).toContain("--passphrase-file");
  });

  it("are asked for at a terminal, twice for a new file, and never shown; elsewhere a hint says how", async () => {
    const { SMQTT_AUTHORITY_PASSPHRASE: kept } = process.env;
    delete process.env["SMQTT_AUTHORITY_PASSPHRASE"];
    try {
      const file = ["--authority", path("typed.smqtt")];
      const piped = await failed(smqtt("setup", file));
      expect(piped).toContain("--authority-passphrase-file FILE, or SMQTT_AUTHORITY_PASSPHRASE");
      const unlike = await typed(["smqtt", "setup", ...file], ["secret", "sacred"]);
      expect(unlike).toMatchObject({ exitCode: 1 });
      expect(unlike.stderr).toContain("not the same");
      const alike = await typed(["smqtt", "setup", ...file], ["secret", "secret"]);
      expect(alike).toMatchObject({ exitCode: 0 });
      expect(alike.stdout + alike.stderr).not.toContain("secret");
      expect((await typed(["smqtt", "inspect", path("typed.smqtt")], ["secret"])).exitCode).toBe(0);
    } finally {
      process.env["SMQTT_AUTHORITY_PASSPHRASE"] = kept;
    }
  });
});

/** Runs at a terminal: each line is typed when a prompt asks for it. */
async function typed(args: readonly string[], lines: readonly string[]): Promise<RunResult> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const left = [...lines];
  stderr.on("data", (chunk: Buffer) => {
    if (chunk.toString().endsWith(": ")) stdin.write(`${left.shift() ?? ""}\n`);
  });
  const printed = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await main(args, { stdin, stdout, stderr, signal: new AbortController().signal });
  stdout.end();
  stderr.end();
  const [out, errors] = await printed;
  return { stdout: out, stderr: errors, exitCode };
}

describe.skipIf(broker === undefined || subscriber === undefined)("isthmus smqtt over mosquitto", () => {
  let mosquitto: Mosquitto;
  let port: string[];
  const sub = (name: string, ...args: string[]): Run => smqtt("sub", [...port, ...keys(name), "-W", "60", ...args]);
  const pub = (name: string, ...args: string[]): Run => smqtt("pub", [...port, ...keys(name), ...args]);

  beforeAll(async () => {
    mosquitto = await launchMosquitto(broker ?? "");
    port = ["-p", String(mosquitto.port)];
    await done(smqtt("setup", clinic("--name", "clinic")));
    for (const [name, ...grant] of [
      ["desk", "--publish", "ward/#"],
      ["doctor", "--role", "doctor", "--subscribe", "ward/#"],
      ["cleaner", "--role", "cleaner", "--subscribe", "ward/3/floor"],
    ]) {
      await done(smqtt("enrol", [name ?? "", ...grant, ...clinic(...keys(name ?? ""))]));
    }
  });
  afterAll(() => mosquitto?.stop());

  it("a message reaches those whose keys allow it, printed as sub prints; the broker sees ciphertext", async () => {
    const onlooker = runProgram(subscriber ?? "", [...port, "-t", "ward/#", "-C", "1", "-W", "60", "-F", "%x", "-d"]);
    const doctor = sub("doctor", "-t", "ward/#", "-C", "1", "-F", "%t|%p|%r|%q", "-q", "1", "-d");
    const cleaner = sub("cleaner", "-t", "ward/#", "-d");
    await Promise.all([doctor, cleaner, onlooker].map((run) => run.printed(/Subscribed/)));
    await done(pub("desk", "-t", "ward/3/pulse", "-m", "72 and rising", "-q", "1", "--countersign"));
    expect((await doctor).stdout).toContain("\nward/3/pulse|72 and rising|0|1\n");
    const seen = /^[0-9a-f]{100,}$/m.exec((await onlooker).stdout)?.[0] ?? "";
    expect(Buffer.from(seen, "hex").toString("latin1")).not.toContain("rising");
    const shown = await done(smqtt("inspect", ["-"], seen));
    expect(shown).toContain(`sealed message, ${seen.length / 2} bytes`);
    expect(shown).toMatch(/sealed message, \d+ bytes\n(.*\n)* +countersigned +yes/);
    cleaner.stop();
    const { stderr, stdout } = await cleaner;
    expect(stderr).toBe("Warning: ward/3/pulse: not opened: the keys of this reader do not open it\n");
    expect(stdout).not.toContain("rising");
  });

  it("lines of standard input, a policy, retained messages for late readers, and what inspect shows of them", async () => {
    await done(pub("desk", "-t", "ward/news", "-r", "-m", "round at nine", "--policy", "doctor OR nurse"));
    expect(await done(sub("doctor", "-t", "ward/news", "-C", "1", "-v"))).toBe("ward/news round at nine\n");
    const raw = runProgram(subscriber ?? "", [...port, "-t", "ward/news", "-C", "1", "-F", "%x"]);
    const shown = await done(smqtt("inspect", ["-"], (await raw).stdout));
    expect(shown).toMatch(/wrap in it[^]*suite +cp-abe, generation 1[^]*for +\("doctor" OR "nurse"[^]*publisher +desk/);

    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n");
    const doctor = sub("doctor", "-t", "ward/log", "-C", "50", "-q", "1", "-d", "-F", "> %p");
    await doctor.printed(/Subscribed/);
    await done(smqtt("pub", [...port, ...keys("desk"), "-t", "ward/log", "-q", "1", "-l"], lines));
    const { stdout } = await doctor;
    expect(stdout.match(/^> .*$/gm)).toEqual(lines.split("\n").map((line) => `> ${line}`));
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      "a policy for kp-abe",
      ["--suite", "kp-abe", "--policy", "a"],
      /for cp-abe; with kp-abe the topic says who may read/,
    ],
    ["cp-abe without a policy", ["--suite", "cp-abe"], /who may read\n {2}--policy/],
    ["a suite that was not set up", ["--suite", "psk"], /not set up the suite "psk"\n {2}it has kp-abe, cp-abe/],
  ])("%s is told, with what to do", async (_, args, expected) => {
    expect(await failed(pub("desk", "-t", "ward/a", "-m", "x", ...args))).toMatch(expected);
  });

  it("what may not be published, and a policy that is none, are told", async () => {
    expect(await failed(pub("desk", "-t", "kitchen", "-m", "x"))).toContain("not for this certificate to publish");
    expect(await failed(pub("desk", "-t", "ward/a", "-m", "x", "--policy", "doctor AND"))).toMatch(
      /Error: .*expected/i,
    );
    expect(await failed(pub("desk", "-h", "127.0.0.1", "-p", "1", "-t", "ward/a", "-m", "x"))).toContain("refused");
  });

  it("enrol, renew and revoke over the broker, where the authority answers", async () => {
    const authority = smqtt("authority", clinic(...port));
    await authority.printed(/answering at smqtt\/enrol\/[0-9a-f]{16}/);
    const invitation = await done(smqtt("invite", ["late", "--subscribe", "ward/#", ...clinic()]));
    const enrolling = ["--invitation", invitation.trim(), ...keys("late"), ...port];
    expect(await done(smqtt("enrol", enrolling))).toContain('device "late" of "clinic"');
    await rm(path("late.smqtt"));
    expect(await failed(smqtt("enrol", enrolling))).toMatch(/no file|Error: no such invitation, or it was used/);

    expect(await done(smqtt("renew", [...keys("doctor"), ...port]))).toContain('device "doctor"');
    await done(smqtt("revoke", ["cleaner", ...clinic(...port)]));
    expect(await failed(smqtt("renew", [...keys("cleaner"), ...port]))).toContain('"cleaner" is revoked');
    authority.stop();
    expect((await authority).exitCode).toBe(0);

    // The doctor takes its renewed keys from the broker, and keeps them.
    const doctor = sub("doctor", "-t", "ward/after", "-C", "1", "-q", "1", "-d");
    await doctor.printed(/Subscribed/);
    await done(pub("desk", "-t", "ward/after", "-m", "generation 2", "-q", "1"));
    expect((await doctor).stdout).toContain("generation 2\n");
    expect(await done(smqtt("inspect", [path("clinic.smqtt")]))).toMatch(
      /kp-abe \(generation 2\)[^]*cleaner \(revoked\)/,
    );
    expect(await done(smqtt("inspect", [path("doctor.smqtt")]))).not.toContain("needed");
  });
});
