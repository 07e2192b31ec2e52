import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Run, runIsthmus, runProgram, type RunResult } from "./run-cli.js";

const broker = findProgram("mosquitto");
const programs = {
  pub: findProgram("mosquitto_pub"),
  sub: findProgram("mosquitto_sub"),
  rr: findProgram("mosquitto_rr"),
};
const isComplete =
  broker !== undefined && programs.pub !== undefined && programs.sub !== undefined && programs.rr !== undefined;

type CommandName = keyof typeof programs;

const running = new Set<Run>();

function track(run: Run): Run {
  running.add(run);
  return run;
}

/** The same arguments to `isthmus` and to mosquitto's program of that name. */
const run = {
  isthmus: (command: CommandName, args: readonly string[], stdin?: string | Uint8Array): Run =>
    track(runIsthmus([command, ...args], stdin)),
  mosquitto: (command: CommandName, args: readonly string[], stdin?: string | Uint8Array): Run =>
    track(runProgram(programs[command] ?? "", args, stdin)),
};

afterEach(() => {
  // What a failed test has left behind.
  for (const each of running) each.stop();
  running.clear();
});

const SUBSCRIBED = /Subscribed \(mid/;

/** What differs from run to run: assigned client identifiers, times. */
function normalized({ stdout, exitCode }: RunResult): { stdout: string; exitCode: number } {
  const text = stdout
    .replaceAll(/auto-[0-9A-F-]{36}/g, "auto-ID")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?/g, "TIME")
    .replaceAll(/\b\d{10}\.\d{9}\b/g, "SECONDS");
  return { stdout: text, exitCode };
}

describe.skipIf(!isComplete)("isthmus pub, sub and rr beside mosquitto's programs", () => {
  let mosquitto: Mosquitto;
  let port: string[];
  let topic: string;
  let topicCount = 0;

  beforeAll(async () => {
    mosquitto = await launchMosquitto(broker ?? "", { hasWebSockets: true });
    port = ["-p", String(mosquitto.port)];
  });
  afterAll(() => mosquitto?.stop());
  beforeEach(() => {
    topic = `test/${topicCount++}`;
  });

  /** Publishes with mosquitto's own program. */
  const publish = async (args: readonly string[], stdin?: Uint8Array): Promise<void> => {
    expect((await run.mosquitto("pub", [...port, ...args], stdin)).exitCode).toBe(0);
  };

  describe("pub prints, exits and sends the same", () => {
    it.each<[string, readonly string[], (string | Uint8Array)?]>([
      ["a message", ["-m", "hi"]],
      ["at QoS 1", ["-m", "hi", "-q", "1"]],
      ["at QoS 2", ["-m", "hi", "-q", "2"]],
      ["by long names", ["--message", "hi", "--qos", "1", "--retain", "--id", "pub"]],
      ["retained", ["-m", "hi", "-r"]],
      ["an empty one", ["-n"]],
      ["standard input", ["-s"], "one\ntwo\n"],
      ["bytes of standard input", ["-s"], Uint8Array.of(0, 255, 10, 128)],
      ["lines", ["-l"], "one\ntwo\r\n\nfour without end"],
      ["nothing", ["-l"], ""],
      ["several times", ["-m", "hi", "-q", "1", "--repeat", "3"]],
      ["several times with a delay", ["-m", "hi", "--repeat", "2", "--repeat-delay", "0.05"]],
      ["in MQTT 5.0", ["-m", "hi", "-V", "5", "-q", "2"]],
      ["in MQTT 3.1", ["-m", "hi", "-V", "mqttv31", "-i", "old"]],
      [
        "with properties",
        [
          "-m",
          "hi",
          "-q",
          "1",
          "-D",
          "publish",
          "user-property",
          "a",
          "b",
          "-D",
          "publish",
          "user-property",
          "c",
          "d",
          "-D",
          "PUBLISH",
          "content-type",
          "text/plain",
          "-D",
          "publish",
          "message-expiry-interval",
          "60",
          "-D",
          "publish",
          "correlation-data",
          "x",
          "-D",
          "publish",
          "payload-format-indicator",
          "1",
          "-D",
          "publish",
          "response-topic",
          "r",
        ],
      ],
      [
        "with a user, a will and a session",
        [
          "-m",
          "hi",
          "-u",
          "joe",
          "-P",
          "pw",
          "-i",
          "willing",
          "-c",
          "-V",
          "5",
          "-x",
          "10",
          "--will-topic",
          "w",
          "--will-payload",
          "gone",
          "--will-qos",
          "1",
          "--will-retain",
          "-k",
          "10",
        ],
      ],
    ])("%s", async (_, args, stdin) => {
      const results: object[] = [];
      for (const program of ["isthmus", "mosquitto"] as const) {
        const watching = run.mosquitto("sub", [
          ...port,
          "-t",
          topic,
          "-q",
          "2",
          "-V",
          "5",
          "-d",
          "-F",
          "%q %r %x %C %D %E %F %P %R",
        ]);
        await watching.printed(SUBSCRIBED);
        const result = await run[program]("pub", [...port, "-t", topic, "-d", ...args], stdin);
        await publish(["-t", topic, "-m", "that is all", "-q", "2"]);
        await watching.printed(/7468617420697320616c6c/);
        watching.stop();
        const seen = (await watching).stdout.split("\n").filter((line) => /^\d \d /.test(line));
        results.push({ ...normalized(result), seen });
        await publish(["-t", topic, "-n", "-r"]);
      }
      expect(results[0]).toEqual(results[1]);
    });
  });

  describe("sub prints and exits the same", () => {
    /** Messages that are retained, each in a topic of its own, in the order in which the broker sends them. */
    const retain = async (): Promise<void> => {
      await publish(["-t", `${topic}/a`, "-r", "-m", '{"a":[1,{"b":null,"c":[]},{}],"e":"x\\u00e9/","f":{},"g":true}']);
      await publish(["-t", `${topic}/b`, "-r", "-q", "1", "-m", 'he"l\tlo é']);
      await publish(["-t", `${topic}/c`, "-r", "-s"], Uint8Array.of(97, 0, 255, 98));
      await publish(
        "-r -q 1 -m v5 -D publish user-property k v -D publish user-property k v2 -D publish content-type text/x -D publish correlation-data cd -D publish payload-format-indicator 1 -D publish response-topic re/s -t"
          .split(" ")
          .concat(`${topic}/d`),
      );
    };

    it.each<[string, readonly string[]]>([
      ["payloads", []],
      ["topics and payloads", ["-v"]],
      ["without line ends", ["-v", "-N"]],
      ["in MQTT 3.1", ["-v", "-V", "31"]],
      ["without those filtered out", ["-v", "-T", "+/+/b", "-T", "test/+/c"]],
      ["up to a count", ["-C", "2", "-v"]],
      ["every letter", ["-V", "5", "-F", "%t|%p|%x|%X|%q|%r|%m|%l|%A|%C|%D|%E|%F|%P|%R|%S|%%|%I|%U"]],
      ["every escape", ["-F", "\\\\ \\0 \\a \\e \\n \\r \\t \\v @@ %%."]],
      ["widths of the topic", ["-F", "[%14t][%-14t][%.3t][%14.3t][%-14.3t][%014t][%2t]"]],
      [
        "widths of numbers",
        ["-V", "5", "-F", "[%10l][%-10l][%010l][%-010l][%5m][%05m][%3F][%03F][%-3F][%3A][%03A][%3S]"],
      ],
      ["widths of texts", ["-V", "5", "-F", "[%10C][%-10C][%10.3C][%.3C][%.1R][%35I][%-35I][%8q][%8r]"]],
      ["dates", ["-F", "@Y-@m-@d @a @A @b @B @C @D @e @F @g @G @h @I @j @p @u @U @V @w @W @y @x @z @Z"]],
      ["JSON", ["-F", "%j"]],
      ["JSON with properties", ["-F", "%j", "-V", "5", "-T", "test/+/c"]],
      ["pretty JSON", ["-F", "%j", "--pretty", "-V", "5", "-T", "test/+/c"]],
      ["JSON of JSON payloads", ["-F", "%J", "-C", "1"]],
      ["pretty JSON of JSON payloads", ["-F", "%J", "--pretty", "-C", "1"]],
      ["nothing but fresh ones", ["-R"]],
      [
        "the subscription identifier",
        ["-V", "5", "-D", "subscribe", "subscription-identifier", "7", "-F", "%S %j", "-C", "1"],
      ],
      ["with a quiet timeout", ["--quiet", "-C", "100"]],
    ])("%s", async (name, args) => {
      await retain();
      const filters = ["-t", `${topic}/#`, ...(args.includes("-C") ? [] : ["-C", "4", "-W", "1"])];
      const isTimingOut = args.includes("-R") || args.includes("-T") || args.includes("100");
      const timeout = isTimingOut ? ["-W", "1"] : ["-W", "5"];
      const all = [...port, ...filters, "-q", "1", ...args, ...timeout];
      const [ours, theirs] = await Promise.all([run.isthmus("sub", all), run.mosquitto("sub", all)]);
      // A NUL ends the string in mosquitto's JSON, and what is not UTF-8 stays as it is.
      if (name === "JSON") {
        expect(normalized(ours).stdout.split("\n")[2]).toContain('"payload":"a\\u0000');
        expect(ours.exitCode).toBe(0);
        return;
      }
      expect(normalized(ours)).toEqual(normalized(theirs));
      expect(ours.stderr).toBe(theirs.stderr);
      expect(ours.stdout.length + (args.includes("-R") || args.includes("100") ? 1 : 0)).toBeGreaterThan(0);
    });

    it.each<[string, readonly string[], (topic: string) => readonly string[][]]>([
      [
        "the debug lines of a message",
        ["-d", "-q", "2", "-C", "1", "-v"],
        (topic) => [["-t", topic, "-m", "x", "-q", "1"]],
      ],
      [
        "the debug lines in MQTT 5.0",
        ["-d", "-C", "1", "-V", "5", "--retain-as-published"],
        (topic) => [["-t", topic, "-m", "x"]],
      ],
      [
        "empty messages",
        ["-d", "-C", "2"],
        (topic) => [
          ["-t", topic, "-n"],
          ["-t", topic, "-m", "end"],
        ],
      ],
      [
        "empty messages in words",
        ["-d", "-C", "2", "-v"],
        (topic) => [
          ["-t", topic, "-n"],
          ["-t", topic, "-m", "end"],
        ],
      ],
      ["empty messages in a format", ["-d", "-C", "1", "-F", "[%p][%x][%4p]%j%J"], (topic) => [["-t", topic, "-n"]]],
      ["until the first fresh one", ["-d", "--retained-only"], (topic) => [["-t", topic, "-m", "fresh"]]],
    ])("%s", async (_, args, publications) => {
      const results: object[] = [];
      for (const program of ["isthmus", "mosquitto"] as const) {
        const running = run[program]("sub", [...port, "-t", topic, ...args]);
        await running.printed(SUBSCRIBED);
        for (const [index, publication] of publications(topic).entries()) {
          await publish(publication);
          await running.printed(new RegExp(`(received PUBLISH[^]*){${index + 1}}`));
        }
        results.push(normalized(await running));
      }
      expect(results[0]).toEqual(results[1]);
    });

    it("subscribes and leaves, for a session to collect (-E -c)", async () => {
      for (const program of ["isthmus", "mosquitto"] as const) {
        const id = ["-i", `collector-${program}`, "-c", "-q", "1"];
        const subscribing = await run[program]("sub", [...port, "-t", topic, ...id, "-E", "-d"]);
        expect(subscribing.stdout.split("\n").at(-2)).toBe(`Client collector-${program} sending DISCONNECT`);
        await publish(["-t", topic, "-m", "while away", "-q", "1"]);
        const collected = await run[program]("sub", [...port, "-t", topic, ...id, "-C", "1", "-v"]);
        expect(collected).toEqual({ stdout: `${topic} while away\n`, stderr: "", exitCode: 0 });
        await run[program]("sub", [...port, "-U", topic, "-i", `collector-${program}`, "-c", "-E", "-t", "other"]);
        await publish(["-t", topic, "-m", "not for me", "-q", "1"]);
      }
    });

    it("clears retained messages (--remove-retained)", async () => {
      for (const program of ["isthmus", "mosquitto"] as const) {
        await publish(["-t", `${topic}/keep`, "-m", "kept", "-r"]);
        await publish(["-t", `${topic}/clear`, "-m", "cleared", "-r"]);
        const clearing = [
          ...port,
          "-t",
          `${topic}/#`,
          "--remove-retained",
          "-T",
          `${topic}/keep`,
          "--retained-only",
          "-v",
        ];
        const cleared = await run[program]("sub", [...clearing, "-W", "1"]);
        expect(cleared.stdout).toBe(`${topic}/clear cleared\n`);
        const left = await run.mosquitto("sub", [...port, "-t", `${topic}/#`, "-v", "-W", "1"]);
        expect(left.stdout).toBe(`${topic}/keep kept\n`);
      }
    });

    it("ends with 27 when the time is over (-W)", async () => {
      const args = [...port, "-t", topic, "-W", "1"];
      const [ours, theirs] = await Promise.all([run.isthmus("sub", args), run.mosquitto("sub", args)]);
      expect(ours).toEqual({ stdout: "", stderr: "Timed out\n", exitCode: 27 });
      expect(ours).toEqual(theirs);
    });

    it("ends well when it is told to stop", async () => {
      const running = run.isthmus("sub", [...port, "-t", topic, "-d"]);
      await running.printed(SUBSCRIBED);
      running.stop();
      expect(await running).toMatchObject({ exitCode: 0, stderr: "" });
    });

    it("reads over a WebSocket (--ws, -L ws://)", async () => {
      const { webSocketUrl } = mosquitto;
      const webSocketPort = ["-p", new URL(webSocketUrl).port, "-h", "127.0.0.1", "--ws"];
      const runs = [["-L", webSocketUrl], webSocketPort].map((link) =>
        run.isthmus("sub", [...link, "-t", topic, "-C", "1", "-d"]),
      );
      await Promise.all(runs.map((each) => each.printed(SUBSCRIBED)));
      await publish(["-t", topic, "-m", "over HTTP"]);
      for (const each of runs) expect((await each).stdout).toContain("\nover HTTP\n");
    });
  });

  describe("rr prints and exits the same", () => {
    it.each<[string, readonly string[]]>([
      ["in MQTT 5.0", []],
      ["in words", ["-v"]],
      ["in a format, in MQTT 3.1.1", ["-V", "311", "-F", "%t %p %q %l"]],
      ["at QoS 1, from the debug lines on", ["-q", "1", "-d"]],
    ])("%s", async (_, args) => {
      const results: object[] = [];
      for (const program of ["isthmus", "mosquitto"] as const) {
        const serving = run.mosquitto("sub", [
          ...port,
          "-t",
          topic,
          "-C",
          "1",
          "-d",
          "-V",
          "5",
          "-F",
          "request %p, answer to %R",
        ]);
        await serving.printed(SUBSCRIBED);
        const asking = run[program]("rr", [
          ...port,
          "-t",
          topic,
          "-e",
          `${topic}/answer`,
          "-m",
          "question",
          "-W",
          "5",
          ...args,
        ]);
        await serving.printed(/request/);
        await publish(["-t", `${topic}/answer`, "-m", "answer", "-q", "1"]);
        const request = (await serving).stdout.split("\n").find((line) => line.startsWith("request"));
        // mosquitto_rr breaks the connection off; isthmus says goodbye.
        const { stdout, exitCode } = normalized(await asking);
        results.push({ stdout: stdout.replace(/Client \S+ sending DISCONNECT\n/, ""), exitCode, request });
      }
      expect(results[0]).toEqual(results[1]);
    });

    it("ends with 27 when no response comes", async () => {
      const args = [...port, "-t", topic, "-e", `${topic}/answer`, "-m", "question", "-W", "1"];
      const [ours, theirs] = await Promise.all([run.isthmus("rr", args), run.mosquitto("rr", args)]);
      expect(ours).toEqual(theirs);
      expect(ours.exitCode).toBe(27);
    });
  });

  describe("what is wrong is told, with what to do, and the same exit code", () => {
    it.each<[CommandName, readonly string[], RegExp]>([
      ["pub", ["-t", "a"], /there is no message to send\n {2}one of -m TEXT, -f FILE, -s or -n/],
      ["pub", ["-m", "x"], /there is no topic to publish to\n {2}-t TOPIC/],
      ["pub", ["-t", "a/#", "-m", "x"], /a topic has no wildcards/],
      ["pub", ["-t", "a", "-m", "x", "-n"], /only one message/],
      ["pub", ["-t", "a", "-m", "x", "-l"], /-l does not go with/],
      ["pub", ["-t", "a", "-f", "/nonexistent"], /-f \/nonexistent: ENOENT/],
      ["pub", ["-t", "a", "-m", "x", "-q", "3"], /-q 3: not a whole number from 0 to 2/],
      ["pub", ["-t", "a", "-m", "x", "-p", "70000"], /-p 70000: not a whole number from 0 to 65535/],
      ["pub", ["-t", "a", "-m", "x", "--bogus"], /unknown option "--bogus"/],
      ["pub", ["-t", "a", "-m", "x", "stray"], /unknown option "stray"/],
      ["pub", ["-t"], /-t needs TOPIC/],
      ["pub", ["-t", "a", "-m", "x", "-V", "7"], /-V 7: no such version\n {2}5, 311 or 31/],
      ["pub", ["-t", "a", "-m", "x", "-c"], /-c needs a client identifier/],
      ["pub", ["-t", "a", "-m", "x", "-k", "2"], /from 5 to 65535/],
      ["pub", ["-t", "a", "-m", "x", "-P", "secret"], /-P needs -u/],
      ["pub", ["-t", "a", "-m", "x", "-i", "a", "-I", "b"], /-i and -I do not go together/],
      ["pub", ["-t", "a", "-m", "x", "-x", "soon"], /-x soon: not a number of seconds/],
      [
        "pub",
        ["-t", "a", "-m", "x", "-D", "publish", "nosuch", "1"],
        /there is no such property\n {2}one of payload-format-indicator/,
      ],
      ["pub", ["-t", "a", "-m", "x", "-D", "connect", "content-type", "1"], /not a property of connect/],
      ["pub", ["-t", "a", "-m", "x", "-D", "nowhere", "content-type", "1"], /not one of connect, publish/],
      ["pub", ["-t", "a", "-m", "x", "-D", "publish", "user-property", "a"], /-D needs COMMAND NAME VALUE/],
      ["pub", ["-t", "a", "-m", "x", "-L", "http://localhost/a"], /unknown scheme/],
      ["pub", ["-t", "a", "-m", "x", "--repeat", "0"], /--repeat 0/],
      ["pub", ["-t", "a", "-m", "x", "--cert", "/x"], /--cert and --key go together/],
      ["pub", ["-t", "a", "-m", "x", "--will-payload", "x"], /a will needs a topic/],
      ["pub", ["-t", "a", "-m", "x", "--psk", "11"], /--psk is not supported/],
      ["sub", [], /there is no topic to subscribe to/],
      ["sub", ["-t", "a/#/b"], /"#" is not alone/],
      ["sub", ["-t", "a", "-U", "b+"], /-U b\+/],
      ["sub", ["-t", "a", "-T", "b#"], /-T b#/],
      ["sub", ["-t", "a", "-C", "0"], /-C 0/],
      ["sub", ["-t", "a", "-W", "0"], /-W 0/],
      ["sub", ["-t", "a", "-R", "--retained-only"], /leave nothing to print/],
      ["sub", ["-t", "a", "-c", "-V", "5"], /client identifier/],
      ["sub", ["-t", "a", "-x", "-1", "-V", "5"], /client identifier/],
      ["sub", ["-t", "a", "-F", "%"], /-F: "%"/],
      ["sub", ["-t", "a", "-F", "%z"], /-F: "%z"/],
      ["sub", ["-t", "a", "-F", "\\q"], /-F: "\\q"/],
      ["sub", ["-t", "a", "-F", "\\"], /-F: "\\"/],
      ["sub", ["-t", "a", "-F", "@"], /-F: "@"/],
      ["rr", ["-t", "a", "-m", "x"], /no topic for the response/],
      ["rr", ["-e", "a", "-m", "x"], /no topic for the request/],
      ["rr", ["-t", "a", "-e", "b"], /there is no message to send/],
      ["rr", ["-t", "a", "-e", "b/#", "-m", "x"], /a topic has no wildcards/],
    ])("%s %s", async (command, args, message) => {
      const [ours, theirs] = await Promise.all([
        run.isthmus(command, args),
        run.mosquitto(command, [...port, ...args]),
      ]);
      expect(ours.stderr).toMatch(message);
      expect(ours.stdout).toBe("");
      expect(ours.exitCode).toBe(1);
      expect(theirs.exitCode).toBe(1);
    });

    it("a number that is none is told, where mosquitto_pub takes it for 0", async () => {
      const property = ["-D", "publish", "message-expiry-interval", "soon"];
      const { stderr, exitCode } = await run.isthmus("pub", ["-t", "a", "-m", "x", ...property]);
      expect(stderr).toContain("message-expiry-interval soon is not a whole number from 0 to 4294967295");
      expect(exitCode).toBe(1);
    });

    it.each<[CommandName, readonly string[]]>([
      ["pub", ["-t", "a", "-m", "x"]],
      ["sub", ["-t", "a"]],
    ])("%s without a server, or a name that has none", async (command, args) => {
      const closed = ["-h", "127.0.0.1", "-p", "1", ...args];
      const ours = await run.isthmus(command, closed);
      expect(ours.stderr).toContain(
        "Error: Connection refused\n  nobody listens at 127.0.0.1:1: start a hub with isthmus serve",
      );
      expect(ours.exitCode).toBe((await run.mosquitto(command, closed)).exitCode);
      expect(await run.isthmus(command, [...closed, "--quiet"])).toEqual({ stdout: "", stderr: "", exitCode: 1 });
    });

    it("a message that the server refuses is told, and the next one sent", async () => {
      const args = [...port, "-t", "$SYS/broker/x", "-m", "x", "-q", "1", "-V", "5", "--repeat", "2"];
      const [ours, theirs] = await Promise.all([run.isthmus("pub", args), run.mosquitto("pub", args)]);
      expect(ours).toEqual(theirs);
      expect(ours.stderr).toBe(
        "Warning: Publish 1 failed: Not authorized.\nWarning: Publish 2 failed: Not authorized.\n",
      );
    });
  });
});

describe.skipIf(!isComplete)("isthmus pub and sub at a server that asks for a password", () => {
  let directory: string;
  let mosquitto: Mosquitto;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "isthmus-cli-"));
    const passwords = join(directory, "passwords");
    await writeFile(passwords, "");
    const program = findProgram("mosquitto_passwd") ?? "";
    expect((await runProgram(program, ["-b", passwords, "joe", "secret"])).exitCode).toBe(0);
    const config = `password_file ${passwords}`;
    mosquitto = await launchMosquitto(broker ?? "", { config, isAnonymousAllowed: false });
  });
  afterAll(async () => {
    await mosquitto?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it.each<[CommandName, readonly string[], string]>([
    ["pub", ["-t", "a", "-m", "x"], "Connection error: Connection Refused: not authorised.\n  give a user name"],
    ["pub", ["-t", "a", "-m", "x", "-V", "5"], "Connection error: Not authorized\n  give a user name"],
    ["sub", ["-t", "a", "-u", "joe", "-P", "wrong"], "Connection error: Connection Refused: not authorised.\n"],
    ["sub", ["-t", "a", "-V", "5", "-u", "joe", "-P", "wrong"], "Connection error: Not authorized\n"],
    ["rr", ["-t", "a", "-e", "b", "-m", "x"], "Connection error: Not authorized\n"],
  ])("%s %s exits with the server's code", async (command, args, message) => {
    const all = ["-p", String(mosquitto.port), ...args];
    const [ours, theirs] = await Promise.all([run.isthmus(command, all), run.mosquitto(command, all)]);
    expect(ours.exitCode).toBe(theirs.exitCode);
    expect(ours.stderr).toContain(message);
    expect(theirs.stderr.split("\n")[0]).toBe(ours.stderr.split("\n")[0]);
  });

  it("lets in who knows it, from -u and -P or from the URL", async () => {
    const sub = run.isthmus("sub", ["-L", `mqtt://joe:secret@127.0.0.1:${mosquitto.port}/a/+`, "-C", "1", "-d", "-v"]);
    await sub.printed(SUBSCRIBED);
    const pub = await run.isthmus("pub", [
      "-p",
      String(mosquitto.port),
      "-u",
      "joe",
      "-P",
      "secret",
      "-t",
      "a/b",
      "-m",
      "x",
    ]);
    expect(pub).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    expect((await sub).stdout).toContain("\na/b x\n");
  });
});
