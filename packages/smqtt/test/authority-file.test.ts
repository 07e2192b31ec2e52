import { mkdtempSync, rmSync } from "node:fs";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { PassphraseError } from "../src/authority/passphrase.js";
import { AuthorityFile, AuthorityFileBusyError } from "../src/node/authority-file.js";
import { createSystem } from "./system-case.js";

const folder = mkdtempSync(join(tmpdir(), "smqtt-authority-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("an authority's file", async () => {
  const { options } = await createSystem(["psk"], 80);
  const quick = { ...options, logCost: 4 };
  let count = 0;
  let path = "";
  beforeEach(() => {
    path = join(folder, `${count++}.authority`);
  });

  it("is its owner's alone, is never written over by a new one, and comes back", async () => {
    await AuthorityFile.create(path, "secret", "house", ["psk"], quick);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(AuthorityFile.create(path, "secret", "other", ["psk"], quick)).rejects.toMatchObject({
      code: "EEXIST",
    });
    const file = await AuthorityFile.open(path, "secret", quick);
    expect((await file.read()).name).toBe("house");
    await expect(AuthorityFile.open(path, "wrong", quick)).rejects.toThrow(PassphraseError);
  });

  it("a change is on disk when it is told, with the mode that it should have", async () => {
    const file = await AuthorityFile.create(path, "secret", "house", ["psk"], quick);
    await chmod(path, 0o644);
    await file.change(async (authority) => authority.invite("one", { publish: ["a"] }));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(path);
    await file.change(async (authority) => authority.bundle()); // changes nothing
    expect(await readFile(path)).toEqual(before);
  });

  it("what a change had done before it failed is kept: a used token stays used", async () => {
    const file = await AuthorityFile.create(path, "secret", "house", ["psk"], quick);
    const before = await readFile(path);
    const failing = file.change(async (authority) => {
      authority.invite("one", { publish: ["a"] });
      throw new Error("midway");
    });
    await expect(failing).rejects.toThrow("midway");
    expect(await readFile(path)).not.toEqual(before);
  });

  it("two owners of one file take turns and lose nothing of each other", async () => {
    const one = await AuthorityFile.create(path, "secret", "house", ["psk"], quick);
    const two = await AuthorityFile.open(path, "secret", quick);
    const enrol = async (file: AuthorityFile, name: string): Promise<Uint8Array> =>
      file.change(async (authority) =>
        authority.enrol(name, { signingKey: options.random(32), exchangeKey: options.random(32) }, { publish: ["a"] }),
      );
    await Promise.all(["a", "b", "c", "d"].map((name, i) => enrol(i % 2 === 0 ? one : two, name)));
    for (const file of [one, two]) {
      const names = [...(await file.read()).devices.values()].map(({ name }) => name);
      expect(names.toSorted()).toEqual(["a", "b", "c", "d"]);
    }
  });

  it("a lock whose process is gone does not count, one of a process that runs does", async () => {
    const file = await AuthorityFile.create(path, "secret", "house", ["psk"], { ...quick, lockTimeoutMs: 60 });
    await writeFile(`${path}.lock`, "99999999 since 2020-01-01T00:00:00.000Z"); // beyond the highest process number
    await file.change(async (authority) => authority.invite("one", { publish: ["a"] }));
    await writeFile(`${path}.lock`, `${process.pid} since 2020-01-01T00:00:00.000Z`); // an earlier bearer of our number
    await file.change(async (authority) => authority.invite("two", { publish: ["a"] }));
    await writeFile(`${path}.lock`, "1 since 2020-01-01T00:00:00.000Z");
    await expect(file.change(async () => 1)).rejects.toThrow(AuthorityFileBusyError);
  });
});
