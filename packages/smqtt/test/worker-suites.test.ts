import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWorkerSuites, WorkerBusyError } from "../src/node/worker-suites.js";
import { createSuiteRegistry } from "../src/suites/registry.js";
import { GrantError, UnwrapError, WrapError } from "../src/suites/suite.js";
import { seededBytes } from "./seed.js";
import { deviceKeys, grantOf, NOW, publisherOf, readerOf } from "./suite-case.js";

const folder = mkdtempSync(join(tmpdir(), "smqtt-worker-"));
const workerUrl = pathToFileURL(join(folder, "suite-worker.mjs"));

beforeAll(async () => {
  await build({
    entryPoints: [new URL("../src/node/suite-worker.ts", import.meta.url).pathname],
    outfile: join(folder, "suite-worker.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["isthmus-source"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

// A thread starts in a second or two, and in many when the machine is busy.
describe("suites in worker threads", { timeout: 90_000 }, () => {
  const random = seededBytes();
  const context = new Uint8Array([1]);
  const target = { topic: "a/b", policy: "member", time: NOW };

  // One thread for all: starting it is what takes long.
  const workers = createWorkerSuites({ workerUrl });
  afterAll(async () => workers.close());

  it.each(["hpke", "kp-abe", "cp-abe"])("%s does there what it does here, and the loop goes on", async (name) => {
    const suite = createSuiteRegistry(workers.suites).get(name);
    if (suite === undefined) throw new Error(`no ${name}`);
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const master = await suite.setup(random);
    const [own, others] = [deviceKeys(1), deviceKeys(2)];
    const reader = await suite.enrol(master, grantOf({ subscribe: ["a/#"], attributes: ["member"] }, own), random);
    const stranger = await suite.enrol(
      reader.master,
      grantOf({ subscribe: ["b"], attributes: ["guest"] }, others),
      random,
    );
    const scopes = { hpke: own.subject.join("."), "kp-abe": "a/b", "cp-abe": "member" };
    expect(suite.scope(publisherOf(stranger), target)).toBe(Reflect.get(scopes, name));
    for (let i = 0; i < 3; i++) {
      const { contentKey, wrap } = await suite.wrap(publisherOf(stranger), target, context, random);
      expect(await suite.unwrap(readerOf(reader, own), wrap, context)).toEqual(contentKey);
      await expect(suite.unwrap(readerOf(stranger, others), wrap, context)).rejects.toThrow(UnwrapError);
    }
    clearInterval(counting);
    expect(turns).toBeGreaterThan(name === "hpke" ? 0 : 10);
  });

  it("errors keep their kind", async () => {
    const suites = createSuiteRegistry(workers.suites);
    const [kp, cp] = [suites.get("kp-abe"), suites.get("cp-abe")];
    if (kp === undefined || cp === undefined) throw new Error("suites are missing");
    const master = await cp.setup(random);
    const twice = [
      ["floor", 1],
      ["floor", 2],
    ] as const;
    await expect(cp.enrol(master, grantOf({ attributes: twice }), random)).rejects.toThrow(GrantError);
    const publisher = { parameters: master.parameters, generation: 1, writerKey: undefined };
    const deep = { ...target, topic: "x/".repeat(40) };
    await expect(kp.wrap(publisher, deep, context, random)).rejects.toThrow(WrapError);
  });

  it("more calls than may wait are refused, and closing fails what is under way", async () => {
    const few = createWorkerSuites({ workerUrl, queueLimit: 2, threads: 2 });
    const kp = createSuiteRegistry(few.suites).get("kp-abe");
    if (kp === undefined) throw new Error("no kp-abe");
    const underWay = [kp.setup(random), kp.setup(random)].map(async (call) =>
      expect(call).rejects.toThrow("has ended"),
    );
    await expect(kp.setup(random)).rejects.toThrow(WorkerBusyError);
    await few.close();
    await Promise.all(underWay);
  });
});
