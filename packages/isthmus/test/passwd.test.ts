import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect, createHub } from "../src/index.js";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { runIsthmus, runProgram } from "./run-cli.js";

const root = mkdtempSync(path.join(tmpdir(), "isthmus-passwd-"));
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(root, "case-"));
  file = path.join(folder, "users");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function passwd(args: readonly string[], stdin = "") {
  return runIsthmus(["passwd", "--cost", "10", ...args], stdin);
}

/** Whether the hub lets somebody in with the file as it is. */
async function isLetIn(username: string, password: string): Promise<boolean> {
  const hub = await createHub({ mqtt: { port: 0 }, access: { sources: [{ type: "passwords", file }] } });
  try {
    await (await connect(hub.mqtt?.url ?? "", { username, password, reconnect: false })).close();
    return true;
  } catch {
    return false;
  } finally {
    await hub.close();
  }
}

describe("isthmus passwd", () => {
  test("makes a file that is its owner's alone, adds, changes and deletes users", async () => {
    expect(await passwd(["-c", file, "anna"], "sesame\n")).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toMatch(/^anna:\$scrypt\$ln=10,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}\n$/);
    expect((await passwd(["-b", file, "ben", "-secret-"])).exitCode).toBe(0);
    expect([await isLetIn("anna", "sesame"), await isLetIn("ben", "-secret-"), await isLetIn("ben", "sesame")]).toEqual(
      [true, true, false],
    );
    expect((await passwd([file, "anna"], "other")).exitCode).toBe(0);
    expect([await isLetIn("anna", "sesame"), await isLetIn("anna", "other")]).toEqual([false, true]);
    expect((await passwd([file, "ben", "-D"])).exitCode).toBe(0);
    expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(["users"]);
  });

  test("keeps comments, the order of users, and who else may read the file but for strangers", async () => {
    writeFileSync(file, "# operators\r\nanna:$6$c2FsdA==$aGFzaA==\n\n# devices\nben:$6$c2FsdA==$aGFzaA==\n");
    chmodSync(file, 0o644);
    expect((await passwd(["-b", file, "anna", "x"])).exitCode).toBe(0);
    const lines = readFileSync(file, "utf8").split("\n");
    expect([lines[0], lines[1]?.slice(0, 12), ...lines.slice(2)]).toEqual([
      "# operators",
      "anna:$scrypt",
      "",
      "# devices",
      "ben:$6$c2FsdA==$aGFzaA==",
      "",
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test("--scram keeps keys with which the password need not be sent, and still may be", async () => {
    expect((await passwd(["--scram", "--iterations", "4096", "-c", "-b", file, "anna", "sesame"])).exitCode).toBe(0);
    expect(readFileSync(file, "utf8")).toMatch(/^anna:SCRAM-SHA-256\$4096:\S{24}\$\S{44}:\S{44}\n$/);
    expect([await isLetIn("anna", "sesame"), await isLetIn("anna", "Sesame")]).toEqual([true, false]);
  });

  test.each([
    [["FILE", "anna"], "there is no FILE", "-c makes it"],
    [["-c", "FILE/none", "anna"], "there is no FILE/none", "make its folder"],
    [["FILE"], "passwd needs a file and a user", "--help"],
    [["-c", "FILE", "anna", "sesame"], "passwd needs a file and a user", "-b takes the password"],
    [["-b", "-c", "FILE", "anna"], "-b needs a file, a user and a password", "--help"],
    [["-c", "FILE", "an:na"], '"an:na" cannot be a user name', "hold"],
    [["-b", "-c", "FILE", "anna", ""], "the password is empty", ""],
    [["-c", "-D", "FILE", "anna"], "-c and -D do not go together", ""],
    [["-x", "FILE", "anna"], 'unknown option "-x"', "--help"],
    [["--scram", "-c", "-b", "FILE", "anna", "a\u0007b"], "prohibited", "RFC 4013"],
  ])("isthmus passwd %j says what is wrong and what to do, and changes nothing", async (args, problem, hint) => {
    const { stderr, exitCode } = await passwd(
      args.map((arg) => arg.replace("FILE", file)),
      "sesame\n",
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(problem.replace("FILE", file));
    expect(stderr).toContain(hint);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("deleting a user who is not there is an error", async () => {
    await passwd(["-c", "-b", file, "anna", "x"]);
    expect((await passwd(["-D", file, "ben"])).stderr).toContain(`there is no user ben in ${file}`);
  });

  test("without a terminal and without input, no password is taken", async () => {
    expect((await passwd(["-c", file, "anna"])).stderr).toContain("no password was given");
  });
});

test("a file of mosquitto_passwd is one of ours, and can be changed here", async () => {
  expect((await runProgram("mosquitto_passwd", ["-c", "-b", file, "anna", "sesame"])).exitCode).toBe(0);
  expect(readFileSync(file, "utf8")).toMatch(/^anna:\$7\$/);
  expect([await isLetIn("anna", "sesame"), await isLetIn("anna", "wrong"), await isLetIn("ben", "sesame")]).toEqual([
    true,
    false,
    false,
  ]);
  expect((await passwd(["-b", file, "ben", "x"])).exitCode).toBe(0);
  expect(await isLetIn("ben", "x")).toBe(true);
});
