import { concatBytes, encodeUtf8 } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { cpAbeSuite } from "../src/suites/cp-abe.js";
import { hpkeSuite } from "../src/suites/hpke.js";
import { kpAbeSuite } from "../src/suites/kp-abe.js";
import { pskTreeSuite } from "../src/suites/psk-tree.js";
import { pskSuite } from "../src/suites/psk.js";
import { createSuiteRegistry } from "../src/suites/registry.js";
import { GrantError, type Suite, UnwrapError, WrapError } from "../src/suites/suite.js";
import { mcl, noble } from "./backends.js";
import { seededBytes } from "./seed.js";
import { deviceKeys, grantOf, NOW, publisherOf, readerOf } from "./suite-case.js";

const random = seededBytes(7);
const context = encodeUtf8("context");
const reads = { subscribe: ["house/#"], attributes: ["member", ["floor", 3]] as const };
const writes = { publish: ["house/#"] };
const target = { topic: "house/kitchen", policy: "member AND floor >= 2", time: NOW };

/** A suite that somebody wrote for himself, against the types alone. */
function homeMadeSuite(): Suite {
  const keyFrom = (secret: Uint8Array, wrap: Uint8Array, context: Uint8Array): Uint8Array =>
    sha256(concatBytes([secret, wrap, context]));
  return {
    ...pskSuite(),
    name: "home-made",
    wrap: async ({ writerKey = new Uint8Array(0) }, _target, context, random) => {
      const wrap = random(16);
      return { contentKey: keyFrom(writerKey, wrap, context), wrap };
    },
    unwrap: async ({ readerKey }, wrap, context) => keyFrom(readerKey, wrap, context),
  };
}

/** What every suite keeps, whatever its keys are. `isBlind`: a wrong key is found out only by the key id. */
function complySuite(suite: Suite, { isBlind }: { isBlind: boolean }): void {
  describe(`suite ${suite.name}`, async () => {
    const master = await suite.setup(random);
    const writer = await suite.enrol(master, grantOf(writes, deviceKeys(1)), random);
    const reader = await suite.enrol(writer.master, grantOf(reads, deviceKeys(2)), random);
    const publisher = { ...publisherOf(reader), writerKey: writer.writerKey };
    const asReader = readerOf(reader, deviceKeys(2));
    const refuses = async (unwrapping: Promise<Uint8Array>, contentKey: Uint8Array): Promise<void> => {
      if (isBlind) expect(await unwrapping.catch(() => undefined)).not.toEqual(contentKey);
      else await expect(unwrapping).rejects.toThrow(UnwrapError);
    };

    it("gives the reader the content key, another for each wrap", async () => {
      const first = await suite.wrap(publisher, target, context, random);
      const second = await suite.wrap(publisher, target, context, random);
      expect(await suite.unwrap(asReader, first.wrap, context)).toEqual(first.contentKey);
      expect(first.contentKey.length).toBe(32);
      expect(first.contentKey).not.toEqual(second.contentKey);
      expect(first.wrap).not.toEqual(second.wrap);
    });

    it("binds the context", async () => {
      const { contentKey, wrap } = await suite.wrap(publisher, target, context, random);
      await refuses(suite.unwrap(asReader, wrap, encodeUtf8("another")), contentKey);
    });

    it("opens for no key of another authority", async () => {
      const other = await suite.enrol(await suite.setup(random), grantOf(reads, deviceKeys(2)), random);
      const stranger = readerOf(other, deviceKeys(3));
      const { contentKey, wrap } = await suite.wrap(publisher, target, context, random);
      await refuses(suite.unwrap(stranger, wrap, context), contentKey);
    });

    it("after a rotation old keys do not open, keys issued anew do", async () => {
      const rotated = await suite.rotate(reader.master, [], random);
      expect(rotated.generation).toBe(2);
      const newWriter = await suite.enrol(rotated, grantOf(writes, deviceKeys(1)), random);
      const newReader = await suite.enrol(newWriter.master, grantOf(reads, deviceKeys(2)), random);
      const newPublisher = { ...publisherOf(newReader), writerKey: newWriter.writerKey };
      const { contentKey, wrap } = await suite.wrap(newPublisher, target, context, random);
      expect(await suite.unwrap(readerOf(newReader, deviceKeys(2)), wrap, context)).toEqual(contentKey);
      // hpke keys are the device's own and stay; who is revoked is left out of the directory.
      if (suite.name !== "hpke") await refuses(suite.unwrap(asReader, wrap, context), contentKey);
    });

    it("refuses hostile wraps", async () => {
      const { contentKey, wrap } = await suite.wrap(publisher, target, context, random);
      for (const hostile of [
        new Uint8Array(0),
        random(10),
        random(5000),
        wrap.subarray(0, -1),
        new Uint8Array([...wrap, 0]),
      ]) {
        await refuses(suite.unwrap(asReader, hostile, context), contentKey);
      }
    });

    it("gives no keys to a device that is granted nothing", async () => {
      const { readerKey, writerKey } = await suite.enrol(master, grantOf({}), random);
      expect([readerKey, writerKey]).toEqual([undefined, undefined]);
    });
  });
}

complySuite(pskSuite(), { isBlind: true });
complySuite(pskTreeSuite(), { isBlind: true });
complySuite(hpkeSuite(), { isBlind: false });
complySuite(
  kpAbeSuite(mcl, () => noble),
  { isBlind: false },
);
complySuite(
  cpAbeSuite(mcl, () => noble),
  { isBlind: false },
);
complySuite(homeMadeSuite(), { isBlind: true });

describe("psk-tree", async () => {
  const suite = pskTreeSuite();
  const master = await suite.setup(random);
  const writer = await suite.enrol(master, grantOf({ publish: ["#", "$SYS/#"] }), random);
  const opens = async (filters: string[], topic: string): Promise<boolean> => {
    const { contentKey, wrap } = await suite.wrap(publisherOf(writer), { ...target, topic }, context, random);
    const reader = readerOf(await suite.enrol(master, grantOf({ subscribe: filters }), random));
    const unwrapped = await suite.unwrap(reader, wrap, context).catch(() => undefined);
    return unwrapped !== undefined && unwrapped.join() === contentKey.join();
  };

  it.each([
    [["a/#"], "a", true],
    [["a/#"], "a/b/c", true],
    [["a/#"], "ab", false],
    [["a"], "a", true],
    [["a"], "a/b", false],
    [["a/b"], "a", false],
    [["x", "a/b/#"], "a/b//c", true],
    [["#"], "a/b", true],
    [["#"], "$SYS/b", false],
    [["$SYS/#"], "$SYS/b", true],
    [["/#"], "/", true],
  ])("%j opens %s: %s", async (filters, topic, expected) => {
    expect(await opens(filters, topic)).toBe(expected);
  });

  it("the key of a topic is not the key of the branch under it, even when the wrap lies about the topic", async () => {
    const { contentKey, wrap } = await suite.wrap(publisherOf(writer), { ...target, topic: "a/b" }, context, random);
    const reader = readerOf(await suite.enrol(master, grantOf({ subscribe: ["a"] }), random));
    const lying = wrap.slice();
    // [topic "a/b", salt] is longer than [topic "a", salt]; a forger would write the shorter one with the same salt.
    const forged = new Uint8Array([0x82, 0x61, 0x61, ...lying.subarray(5)]);
    expect(await suite.unwrap(reader, forged, context)).not.toEqual(contentKey);
  });

  it("refuses grants with +", async () => {
    await expect(suite.enrol(master, grantOf({ subscribe: ["a/+/b"] }), random)).rejects.toThrow(GrantError);
  });

  it("does not wrap for topics that the publisher has no key for", async () => {
    const narrow = publisherOf(await suite.enrol(master, grantOf({ publish: ["a/b/#"] }), random));
    await expect(suite.wrap(narrow, { ...target, topic: "a/c" }, context, random)).rejects.toThrow(WrapError);
  });
});

describe("hpke", async () => {
  const suite = hpkeSuite();
  it("wraps to those whose filters match and whose time has not run out, 90 bytes each", async () => {
    let master = await suite.setup(random);
    const devices = [1, 2, 3, 4].map(deviceKeys);
    const grants = [
      { subscribe: ["a/#"] },
      { subscribe: ["a/+"] },
      { subscribe: ["b"] },
      { subscribe: ["a/#"], validity: { from: NOW - 100, until: NOW } },
    ];
    const enrolments = [];
    for (const [i, grant] of grants.entries()) {
      const enrolment = await suite.enrol(master, grantOf(grant, devices[i]), random);
      enrolments.push(enrolment);
      master = enrolment.master;
    }
    const publisher = { parameters: master.parameters, generation: 1, writerKey: undefined };
    const { contentKey, wrap } = await suite.wrap(publisher, { ...target, topic: "a/x" }, context, random);
    expect(wrap.length).toBe(1 + 2 * (1 + 9 + 34 + 50));
    const opened = [];
    for (const [i, enrolment] of enrolments.entries()) {
      const key = await suite.unwrap(readerOf(enrolment, devices[i]), wrap, context).catch(() => undefined);
      opened.push(key?.join() === contentKey.join());
    }
    expect(opened).toEqual([true, true, false, false]);
    await expect(suite.wrap(publisher, { ...target, topic: "none" }, context, random)).rejects.toThrow(WrapError);

    const rotated = await suite.rotate(master, [deviceKeys(1).subject], random);
    const after = await suite.wrap(
      { ...publisher, parameters: rotated.parameters },
      { ...target, topic: "a/x" },
      context,
      random,
    );
    const [revoked, kept] = enrolments;
    if (revoked === undefined || kept === undefined) throw new Error("two were enrolled");
    await expect(suite.unwrap(readerOf(revoked, devices[0]), after.wrap, context)).rejects.toThrow(UnwrapError);
    expect(await suite.unwrap(readerOf(kept, devices[1]), after.wrap, context)).toEqual(after.contentKey);
  });
});

describe("attribute-based suites", async () => {
  const kp = kpAbeSuite(mcl, () => noble);
  const cp = cpAbeSuite(mcl, () => noble);
  const kpMaster = await kp.setup(random);
  const cpMaster = await cp.setup(random);

  it("have independent master keys and publish one element of GT only", () => {
    expect(kpMaster.secret).not.toEqual(cpMaster.secret);
    expect(kpMaster.parameters.length).toBe(576);
    expect(cpMaster.parameters.length).toBe(576);
  });

  it.each([
    ["kp-abe", kpAbeSuite],
    ["cp-abe", cpAbeSuite],
  ] as const)("%s: setup and key issue multiply on the issuer, never where wraps are made", async (_name, make) => {
    let isForbidden = false;
    const guarded = new Proxy(mcl, {
      get: (group, name, receiver) => {
        if (isForbidden) throw new Error(`${String(name)} of a backend whose time depends on the secret`);
        return Reflect.get(group, name, receiver);
      },
    });
    const suite = make(guarded, () => noble);
    isForbidden = true;
    const few = grantOf({ subscribe: ["a"], attributes: ["x"], validity: { from: NOW, until: NOW + 3600 } });
    const enrolment = await suite.enrol(await suite.setup(random), few, random);
    expect((await suite.rotate(enrolment.master, [], random)).generation).toBe(2);
    expect(() => guarded.name).toThrow();
  });

  it.each(["kp-abe", "cp-abe"])("%s keys expire with their hour", async (name) => {
    const [suite, master] = name === "kp-abe" ? [kp, kpMaster] : [cp, cpMaster];
    const validity = { from: NOW - 7200, until: NOW + 1800 }; // until 22:00
    const enrolment = await suite.enrol(master, grantOf({ ...reads, validity }), random);
    for (const [time, expected] of [
      [NOW - 7200, true],
      [NOW + 1799, true],
      [NOW + 1800, false],
      [NOW + 365 * 86_400, false],
      [NOW - 3 * 3600, false],
    ] as const) {
      const { contentKey, wrap } = await suite.wrap(publisherOf(enrolment), { ...target, time }, context, random);
      const unwrapped = suite.unwrap(readerOf(enrolment), wrap, context);
      if (expected) await expect(unwrapped).resolves.toEqual(contentKey);
      else await expect(unwrapped).rejects.toThrow(UnwrapError);
    }
  });

  it.each(["kp-abe", "cp-abe"])(
    "%s keys issued after a rotation open what was sealed before it, unless forward only",
    async (name) => {
      const [suite, master] = name === "kp-abe" ? [kp, kpMaster] : [cp, cpMaster];
      const publisher = { parameters: master.parameters, generation: 1, writerKey: undefined };
      const { contentKey, wrap } = await suite.wrap(publisher, target, context, random);
      const rotated = await suite.rotate(master, [], random);
      const renewed = await suite.enrol(rotated, grantOf(reads), random);
      const forward = await suite.enrol(rotated, grantOf({ ...reads, isForwardOnly: true }), random);
      expect(await suite.unwrap(readerOf(renewed), wrap, context)).toEqual(contentKey);
      await expect(suite.unwrap(readerOf(forward), wrap, context)).rejects.toThrow(UnwrapError);
    },
  );

  it("cp-abe: the publisher decides by role and number", async () => {
    const reader = async (attributes: (string | readonly [string, number])[]) =>
      cp.enrol(cpMaster, grantOf({ attributes }), random);
    const policy = '(nurse AND ward >= 3) OR 2 of (doctor, "night shift", admin)';
    const enrolments = [
      [await reader(["nurse", ["ward", 4]]), true],
      [await reader(["nurse", ["ward", 2]]), false],
      [await reader(["doctor", "admin"]), true],
      [await reader(["doctor", "Admin"]), false],
    ] as const;
    const publisher = publisherOf(enrolments[0][0]);
    const { contentKey, wrap } = await cp.wrap(publisher, { ...target, policy }, context, random);
    for (const [enrolment, expected] of enrolments) {
      const unwrapped = cp.unwrap(readerOf(enrolment), wrap, context);
      if (expected) await expect(unwrapped).resolves.toEqual(contentKey);
      else await expect(unwrapped).rejects.toThrow(UnwrapError);
    }
  });

  it("cp-abe: reserved names, two values of one integer and a missing policy are refused", async () => {
    for (const attributes of [["@gen/2"], ["@time/Y=2030"], ["@int/ward:7=1"]]) {
      await expect(cp.enrol(cpMaster, grantOf({ attributes }), random)).rejects.toThrow(Error);
    }
    const twice = [
      ["ward", 1],
      ["ward", 6],
    ] as const;
    await expect(cp.enrol(cpMaster, grantOf({ attributes: twice }), random)).rejects.toThrow(GrantError);
    const publisher = { parameters: cpMaster.parameters, generation: 1, writerKey: undefined };
    expect(() => cp.scope(publisher, { ...target, policy: undefined })).toThrow(WrapError);
    const wide = Array.from({ length: 62 }, (_, i) => `a${i}`).join(" OR ");
    await expect(cp.wrap(publisher, { ...target, policy: wide }, context, random)).rejects.toThrow(WrapError);
  });

  it("kp-abe: topics of up to 28 levels", async () => {
    const publisher = { parameters: kpMaster.parameters, generation: 1, writerKey: undefined };
    const deep = (levels: number): string => Array.from({ length: levels }, (_, i) => `l${i}`).join("/");
    const { wrap } = await kp.wrap(publisher, { ...target, topic: deep(28) }, context, random);
    expect(wrap.length).toBeLessThan(8192);
    await expect(kp.wrap(publisher, { ...target, topic: deep(29) }, context, random)).rejects.toThrow(WrapError);
  });

  it("public parameters that are no element of GT are refused before anything is wrapped", async () => {
    const publisher = { parameters: new Uint8Array(576), generation: 1, writerKey: undefined };
    await expect(kp.wrap(publisher, target, context, random)).rejects.toThrow("not an element of GT");
  });
});

describe("a registry", () => {
  it("takes suites of one's own and refuses two of one name", () => {
    const registry = createSuiteRegistry([pskSuite(), homeMadeSuite()]);
    expect([...registry.keys()]).toEqual(["psk", "home-made"]);
    expect(() => createSuiteRegistry([pskSuite(), pskSuite()])).toThrow(RangeError);
  });
});
