import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Run, runIsthmus } from "./run-cli.js";

/** Runs `isthmus coap` with these words. */
function coap(...args: readonly string[]): Run {
  return runIsthmus(["coap", ...args]);
}

/** A server of ours, and the URIs that it printed. */
interface Serving {
  readonly udp: string;
  readonly tcp: string;
  readonly ws: string;
  stop(): Promise<void>;
}

async function serve(...args: readonly string[]): Promise<Serving> {
  const run = coap("serve", "--port", "0", "--tcp-port", "0", "--ws-port", "0", ...args);
  const stdout = await run.printed(/ready\n/);
  const [udp = "", tcp = "", ws = ""] = stdout.split("\n");
  return {
    udp,
    tcp,
    ws,
    stop: async () => {
      run.stop();
      expect((await run).exitCode).toBe(0);
    },
  };
}

describe("isthmus coap", () => {
  let server: Serving;

  beforeAll(async () => {
    server = await serve("--etsi");
  });
  afterAll(() => server.stop());

  it("reads, writes and removes", async () => {
    const path = `${server.udp}/create1`;
    expect(await coap("get", path)).toMatchObject({ stdout: "", stderr: "4.04 Not Found: Not Found\n", exitCode: 4 });
    expect(await coap("put", "-e", "on%21", path)).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
    expect(await coap("get", path)).toMatchObject({ stdout: "on!\n", exitCode: 0 });
    expect(await coap("delete", path)).toMatchObject({ exitCode: 0 });
    expect((await coap("get", path)).exitCode).toBe(4);
  });

  it("speaks as coap-client does, with -m or without a method", async () => {
    expect((await coap("-m", "get", `${server.udp}/seg1/seg2/seg3`)).stdout).toBe("GET /seg1/seg2/seg3\n");
    expect((await coap(`${server.udp}/query?a=1`)).stdout).toBe("GET /query?a=1\n");
    expect((await coap("-N", "-T", "0x0102", `${server.udp}/test`)).exitCode).toBe(0);
  });

  it("says where what was created is", async () => {
    const { stderr, exitCode } = await coap("post", "-e", "x", `${server.udp}/location-query`);
    expect([stderr, exitCode]).toEqual(["Location: /location-query?first=1&second=2\n", 0]);
  });

  it("asks for a Content-Format, and sends one", async () => {
    expect((await coap("get", "-A", "xml", `${server.udp}/multi-format`)).stdout).toMatch(/^<plugtest>/);
    expect((await coap("get", "-A", "cbor", `${server.udp}/multi-format`)).stderr).toMatch(/^4\.06 /);
    expect((await coap("get", "-t", "json", `${server.udp}/query`)).stdout).toBe("GET /query (CONTENT_FORMAT 50)\n");
  });

  it.each(["udp", "tcp", "ws"] as const)("moves large bodies over %s", async (way) => {
    const body = "0123456789abcdef".repeat(1_000);
    await coap("put", "-e", body, `${server[way]}/large-update`);
    expect((await coap("get", `${server[way]}/large-update`)).stdout).toBe(`${body}\n`);
  });

  it("reads the payload from a file or standard input, and writes it to a file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "isthmus-coap-"));
    const [input, output] = [join(directory, "in"), join(directory, "out")];
    await writeFile(input, Buffer.from([0, 1, 254, 255]));
    await coap("put", "-t", "bytes", "-f", input, `${server.udp}/test`);
    expect(await coap("get", "-o", output, `${server.udp}/test`)).toMatchObject({ stdout: "", exitCode: 0 });
    expect([...(await readFile(output))]).toEqual([0, 1, 254, 255]);
    await runIsthmus(["coap", "put", "-f", "-", `${server.udp}/test`], "from stdin");
    expect((await coap("get", `${server.udp}/test`)).stdout).toBe("from stdin\n");
    await rm(directory, { recursive: true });
  });

  it("lays responses out for people when told to", async () => {
    await coap("put", "-t", "json", "-e", '{"a":1}', `${server.udp}/create2`);
    expect((await coap("get", `${server.udp}/create2`)).stdout).toBe('{"a":1}\n');
    expect((await coap("get", "--pretty", `${server.udp}/create2`)).stdout).toBe('{\n  "a": 1\n}\n');
    expect((await coap("get", "--pretty", `${server.udp}/path`)).stdout).toBe(
      "</path/sub1>\n</path/sub2>\n</path/sub3>\n",
    );
  });

  it("observes, for a count of states or a time", async () => {
    const uri = `${server.udp}/obs`;
    await coap("put", "-e", "first", uri);
    const observation = coap("observe", "--count", "2", uri);
    await observation.printed(/^first\n/);
    await coap("put", "-e", "second", uri);
    expect(await observation).toMatchObject({ stdout: "first\nsecond\n", exitCode: 0 });
    expect(await coap("get", "-s", "0.1", uri)).toMatchObject({ stdout: "second\n", exitCode: 0 });
    const stopped = coap("observe", "--time", uri);
    await stopped.printed(/second\n/);
    stopped.stop();
    const { stdout, exitCode } = await stopped;
    expect([stdout.replace(/^\S+Z /, ""), exitCode]).toEqual(["second\n", 0]);
  });

  it("ends an observation with the error that ends it", async () => {
    const uri = `${server.udp}/obs-non`;
    const observation = coap("observe", uri);
    await observation.printed(/\n/);
    await coap("delete", uri);
    expect(await observation).toMatchObject({ stderr: expect.stringMatching(/^4\.04 /), exitCode: 4 });
  });

  it("discovers", async () => {
    const { stdout } = await coap("discover", "-q", "if=If*", server.udp);
    expect(stdout).toBe('</test>;rt="Type1 Type2";if="If1";title="Default test resource",</link1>;rt="Type1 Type2";if="If1",</link2>;rt="Type2 Type3";if="If2"\n'); // prettier-ignore
    expect((await coap("discover", "--pretty", "-q", "href=/link4", server.udp)).stdout).toBe("</link4>\n    rt = \n");
    expect(await coap("discover", `${server.udp}/test`)).toMatchObject({ exitCode: 4 });
  });

  it("pings", async () => {
    const { stdout, exitCode } = await coap("ping", "--count", "2", "-i", "0", server.udp);
    expect(stdout).toMatch(/^(coap:\S+ {2}[0-9.]+ ms\n){2}2 sent, 2 answered; /);
    expect(exitCode).toBe(0);
    expect((await coap("ping", "--count", "1", "-B", "0.05", "coap://127.0.0.1:1")).exitCode).toBe(3);
  });

  it("shows packets", async () => {
    const { stderr } = await coap("get", "-v", `${server.udp}/test`);
    expect(stderr).toMatch(
      /^> 127\.0\.0\.1:\d+ {2}CON [0-9a-f]{4} GET #[0-9a-f]+ {2}\(\d+ bytes\)\n {4}Uri-Path {2}"test"\n< /,
    );
    expect((await coap("get", "-v", `${server.tcp}/test`)).stderr).toMatch(/7\.01 CSM/);
    expect((await coap("get", "-v", "3", `${server.udp}/test`)).stderr).toBe("");
  });

  it("says when there is nobody", async () => {
    expect(await coap("get", "coap+tcp://127.0.0.1:1/")).toMatchObject({
      stderr: expect.stringMatching(/ECONNREFUSED.*\n {2}nothing listens there: /),
      exitCode: 3,
    });
    expect(await coap("get", "-B", "0.05", "coap://127.0.0.1:1/")).toMatchObject({ exitCode: 3 });
  });

  it.each<[args: string[], message: string]>([
    [["get"], "there is no URI to ask"],
    [["get", "coap://a", "coap://b"], '"coap://b" is one operand too many'],
    [["get", "http://a/"], '"http" is not one of coap'],
    [["put", "-e", "a", "-f", "b", "coap://a"], "there are two payloads"],
    [["put", "-f", "/nonexistent", "coap://a"], "-f /nonexistent: ENOENT"],
    [["get", "-b", "17", "coap://a"], "-b 17: not a size of blocks"],
    [["get", "-T", "123456789", "coap://a"], "longer than 8 bytes"],
    [["get", "--raw", "--pretty", "coap://a"], "either --raw or --pretty"],
    [["brew"], 'there is no command "coap brew"'],
    [["serve"], "there is nothing to serve"],
    [["serve", "--etsi", "."], "either DIR or --etsi"],
    [["serve", "/nonexistent"], "/nonexistent: ENOENT"],
    [["serve", "--etsi", "--port", "x"], "--port x is not a port"],
  ])("refuses %j", async (args, message) => {
    const { stderr, exitCode } = await coap(...args);
    expect([stderr.startsWith("isthmus: "), exitCode]).toEqual([true, 1]);
    expect(stderr).toContain(message);
  });

  it("helps", async () => {
    expect((await coap("--help")).stdout).toContain("isthmus coap <command> [flags]");
    for (const verb of ["get", "observe", "discover", "ping", "serve"]) {
      expect((await coap(verb, "--help")).stdout).toContain(`Usage: isthmus coap ${verb}`);
    }
    expect((await coap()).exitCode).toBe(1);
  });
});

describe("isthmus coap serve DIR", () => {
  let root: string;
  let server: Serving;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "isthmus-serve-"));
    await mkdir(join(root, "sub"));
    await writeFile(join(root, "a.json"), '{"a":1}');
    await writeFile(join(root, "sub", "b.txt"), "b");
    await writeFile(join(root, ".hidden"), "secret");
    await symlink("/etc/hostname", join(root, "out"));
    await symlink(join(root, "a.json"), join(root, "in"));
    server = await serve("--writable", root);
  });
  afterAll(async () => {
    await server.stop();
    await rm(root, { recursive: true });
  });
  afterEach(() => rm(join(root, "new"), { recursive: true, force: true }));

  it("serves files with their Content-Format, and directories as links", async () => {
    expect((await coap("get", "--pretty", `${server.udp}/a.json`)).stdout).toBe('{\n  "a": 1\n}\n');
    expect((await coap("get", `${server.udp}/sub/b.txt`)).stdout).toBe("b\n");
    expect((await coap("get", server.udp)).stdout).toBe("</a.json>;ct=50,</sub>;ct=40\n");
    expect((await coap("get", `${server.udp}/sub`)).stdout).toBe("</sub/b.txt>;ct=0\n");
    expect((await coap("discover", server.udp)).stdout).toBe("</>;ct=40;obs,</a.json>;ct=50,</sub>;ct=40\n");
    expect((await coap("get", `${server.udp}/in`)).stdout).toBe('{"a":1}\n');
  });

  it.each([
    "/missing",
    "/.hidden",
    "/out",
    "/..%2f..%2fetc%2fhostname",
    "/sub/%2e%2e/%2e%2e/etc/hostname",
    "/a.json/x",
    "/sub%00",
  ])("does not serve %s", async (path) => {
    const { stdout, exitCode } = await coap("get", server.udp + path);
    expect([stdout, exitCode]).toEqual(["", 4]);
  });

  it("writes and removes, inside alone", async () => {
    expect((await coap("put", "-e", "x", `${server.udp}/new/deep/file.txt`)).exitCode).toBe(0);
    expect(await readFile(join(root, "new/deep/file.txt"), "utf8")).toBe("x");
    expect((await coap("delete", `${server.udp}/new/deep/file.txt`)).exitCode).toBe(0);
    expect((await coap("delete", `${server.udp}/sub`)).stderr).toMatch(/^4\.05 /);
    await symlink(tmpdir(), join(root, "new", "escape"));
    expect((await coap("put", "-e", "x", `${server.udp}/new/escape/isthmus-must-not-exist`)).stderr).toMatch(/^4\.03 /);
    expect((await coap("put", "-e", "x", `${server.udp}/.profile`)).exitCode).toBe(4);
  });

  it("tells observers when a file changes", async () => {
    const observation = coap("observe", "--count", "2", `${server.tcp}/sub/b.txt`);
    await observation.printed(/^b\n/);
    await writeFile(join(root, "sub", "b.txt"), "changed");
    expect((await observation).stdout).toMatch(/^b\n(changed)?\n/);
  });

  it("does not write unless told to", async () => {
    const readOnly = await serve(root);
    expect((await coap("put", "-e", "x", `${readOnly.udp}/a.json`)).stderr).toMatch(/^4\.05 /);
    await readOnly.stop();
  });
});

describe("isthmus coap serve --rd", () => {
  it("is a resource directory", async () => {
    const server = await serve("--rd");
    const links = '</temp>;rt="temperature"';
    const { stderr } = await coap(
      "post",
      "-t",
      "link",
      "-e",
      links,
      `${server.udp}/rd?ep=node1&base=coap://node1.example`,
    );
    expect(stderr).toBe("Location: /rd/1\n");
    const { stdout } = await coap("discover", "-q", "rt=temperature", `${server.udp}/rd-lookup/res`);
    expect(stdout).toBe('<coap://node1.example/temp>;rt="temperature"\n');
    await server.stop();
  });

  it("answers 5.02 to a simple registration from where nothing is served", async () => {
    const server = await serve("--rd");
    const { stderr } = await coap("post", `${server.udp}/.well-known/core?ep=nobody`);
    expect(stderr).toBe("5.02 Bad Gateway: the endpoint does not show its links\n");
    await server.stop();
  });
});

describe("what goes wrong on the way", () => {
  it.each([
    ["coap://no-such-host.invalid/x", "ENOTFOUND", "is the name of the host right?"],
    ["coaps://127.0.0.1/x", "there is no transport for coaps", "coap, coap+tcp, coaps+tcp"],
  ])("%s is told with what to try", async (uri, problem, hint) => {
    const { stderr, exitCode } = await runIsthmus(["coap", "get", uri]);
    const [first, second] = stderr.split("\n");
    expect(first).toContain(problem);
    expect(second).toContain(`  ${hint}`);
    expect(exitCode).toBe(3);
  });
});
