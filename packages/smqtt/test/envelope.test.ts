import { encodeUtf8, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { decodeCbor, encodeCbor } from "../src/envelope/cbor.js";
import { HEADER } from "../src/envelope/cose-parameters.js";
import { encodeEncrypt0, parseEncrypt0 } from "../src/envelope/encrypt0.js";
import type { OpenFailure } from "../src/envelope/open-error.js";
import { parseSign1, sign1 } from "../src/envelope/sign1.js";
import { WRAP_AAD } from "../src/envelope/sealer.js";
import { encodeWrapPayload, parseWrapPayload } from "../src/envelope/wrap-message.js";
import { nobleCrypto } from "../src/envelope/crypto-backend.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { WrapError } from "../src/suites/suite.js";
import { createSystem } from "./system-case.js";

const payload = encodeUtf8("21.5");
const failing = (failure: OpenFailure) => expect.objectContaining({ name: "OpenError", failure });

describe.each(["psk", "psk-tree", "hpke", "kp-abe", "cp-abe"])("sealed messages with %s", async (suite) => {
  const system = await createSystem([suite], 20);
  const policy = suite === "cp-abe" ? "member" : undefined;
  const grant = { subscribe: ["house/#"], attributes: ["member"] };
  const writer = await system.join("writer", { publish: ["house/#"] });
  const reader = await system.join("reader", grant);
  const stranger = await system.join("stranger", { subscribe: ["garden/#"], attributes: ["guest"] });
  writer.update(system.authority.bundle());
  const sealer = system.sealerOf(writer, suite);
  const topic = "house/kitchen";
  const { now } = system.clock;

  it("open for the reader, not for the stranger", async () => {
    const key = await sealer.obtain(topic, policy, now);
    const sealed = key.seal(topic, payload);
    const opener = system.openerOf(reader);
    expect(() => opener.open(topic, sealed, false, now)).toThrow(failing("unknown-key"));
    expect(toHex(await opener.addWrap(key.wrapMessage, now))).toBe(toHex(key.keyId));
    const opened = opener.open(topic, sealed, false, now);
    expect(new Uint8Array(opened.payload)).toEqual(payload);
    expect(opened.publisher.name).toBe("writer");
    expect(opened.epoch).toBe(now);
    // A group secret has no strangers inside the group.
    if (suite === "psk") return;
    await expect(system.openerOf(stranger).addWrap(key.wrapMessage, now)).rejects.toThrow(failing("not-for-us"));
  });

  it("one wrap serves all messages of the scope", async () => {
    const key = await sealer.obtain(topic, policy, now);
    expect(await sealer.obtain(topic, policy, now + 1)).toBe(key);
    expect(sealer.current(topic, policy, now)).toBe(key);
    const other = await sealer.obtain("house/hall", policy, now);
    // kp-abe and psk-tree keys are of a topic; the others of a group, a policy or a set of readers.
    expect(other === key).toBe(!["kp-abe", "psk-tree"].includes(suite));
  });
});

describe("the envelope", async () => {
  const system = await createSystem(["psk", "kp-abe"], 21);
  const { clock, random, join, sealerOf, openerOf } = system;
  const writer = await join("writer", { publish: ["house/#"], subscribe: ["x"] });
  const reader = await join("reader", { subscribe: ["house/#"] });
  const topic = "house/kitchen";
  const now = clock.now;
  const pair = async (extra = {}, openerExtra = {}) => {
    const sealer = sealerOf(writer, "psk", extra);
    const opener = openerOf(reader, openerExtra);
    const key = await sealer.obtain(topic, undefined, now);
    await opener.addWrap(key.wrapMessage, now);
    return { sealer, opener, key };
  };

  it("costs 59 bytes on a payload of 64", async () => {
    const { key } = await pair();
    expect(key.seal(topic, new Uint8Array(64)).length).toBe(64 + 59);
  });

  it("the quick path writes what the general encoder would", async () => {
    const { key } = await pair();
    for (const size of [0, 5, 23, 24, 300, 70_000]) {
      const sealed = key.seal(topic, new Uint8Array(size));
      expect(toHex(encodeEncrypt0(parseEncrypt0(sealed)))).toBe(toHex(sealed));
    }
  });

  it("topic, content type, publisher and every header byte are bound", async () => {
    const { key, opener } = await pair();
    const sealed = key.seal(topic, payload, { contentType: "text/plain" });
    expect(() => opener.open("house/hall", sealed, false, now)).toThrow(failing("unauthentic"));
    const message = parseEncrypt0(sealed);
    const header = new Map(message.protectedHeader);
    header.set(HEADER.contentType, "text/html");
    const retyped = encodeEncrypt0({ ...message, protectedBytes: encodeCbor(header) });
    expect(() => opener.open(topic, retyped, false, now)).toThrow(failing("unauthentic"));
    const counted = new Map(message.protectedHeader).set(HEADER.partialIv, new Uint8Array([0, 0, 9, 9]));
    const skipped = encodeEncrypt0({ ...message, protectedBytes: encodeCbor(counted) });
    expect(() => opener.open(topic, skipped, false, now)).toThrow(failing("unauthentic"));
    expect(opener.open(topic, sealed, false, now).contentType).toBe("text/plain");
    expect(new Uint8Array(opener.open(topic, key.seal(topic, payload), false, now).payload)).toEqual(payload);
  });

  it("every altered byte of a message is refused, and so is what is none", async () => {
    const { key, opener } = await pair();
    const sealed = key.seal(topic, payload);
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 0x10;
      expect(() => opener.open(topic, altered, false, now)).toThrow(expect.objectContaining({ name: "OpenError" }));
    }
    for (const hostile of [new Uint8Array(0), encodeUtf8("plain text"), random(100), sealed.subarray(1)]) {
      expect(() => opener.open(topic, hostile, false, now)).toThrow(failing("malformed"));
    }
    expect(() => opener.open(topic, sealed, false, now)).not.toThrow(); // failures left nothing behind
  });

  it("a message opens once; in any order within the window", async () => {
    const { key, opener } = await pair();
    const messages = Array.from({ length: 50 }, (_, i) => key.seal(topic, new Uint8Array([i])));
    for (const message of messages.toReversed()) opener.open(topic, message, false, now);
    for (const message of messages) expect(() => opener.open(topic, message, false, now)).toThrow(failing("repeated"));
    // The retain flag of a broker does not change that: the publisher did not mean it to be retained.
    expect(() => opener.open(topic, messages[49] ?? random(1), true, now)).toThrow(failing("repeated"));
  });

  it("a retained message may come at each subscription, but no older one after it", async () => {
    const { key, opener } = await pair();
    const older = key.seal(topic, encodeUtf8("1"), { isRetained: true });
    const newer = key.seal(topic, encodeUtf8("2"), { isRetained: true });
    opener.open(topic, newer, false, now); // live
    const live = key.seal(topic, encodeUtf8("3"));
    opener.open(topic, live, false, now);
    opener.open(topic, newer, true, now);
    opener.open(topic, newer, true, now);
    expect(() => opener.open(topic, older, true, now)).toThrow(failing("repeated"));
    expect(() => opener.open(topic, live, true, now)).toThrow(failing("repeated"));
  });

  it("a retained message of an older epoch is no more taken after one of a newer epoch", async () => {
    const { sealer, opener, key } = await pair();
    const older = key.seal(topic, encodeUtf8("1"), { isRetained: true });
    sealer.rotate();
    const next = await sealer.obtain(topic, undefined, now + 60);
    await opener.addWrap(next.wrapMessage, now + 60);
    opener.open(topic, next.seal(topic, encodeUtf8("2"), { isRetained: true }), true, now + 60);
    expect(() => opener.open(topic, older, true, now + 60)).toThrow(failing("repeated"));
  });

  it("a publisher that starts again never repeats a nonce: it has another key", async () => {
    const seen = new Set<string>();
    for (let start = 0; start < 5; start++) {
      const sealer = sealerOf(writer, "psk"); // nothing of the last run is left
      const key = await sealer.obtain(topic, undefined, now);
      for (let i = 0; i < 3; i++) {
        const { protectedHeader } = parseEncrypt0(key.seal(topic, payload));
        const nonce = [HEADER.keyId, HEADER.partialIv].map((label) => toHex(protectedHeader.get(label) as Uint8Array)); // both are byte strings
        expect(seen.has(nonce.join())).toBe(false);
        seen.add(nonce.join());
      }
    }
    expect(seen.size).toBe(15);
  });

  it("a key ends with its hour, its epoch or its last counter, and the next message is under another", async () => {
    const { sealer, key } = await pair();
    expect(key.expires).toBe(now + 1800); // 21:30 to 22:00
    expect(sealer.current(topic, undefined, now + 1799)).toBe(key);
    expect(sealer.current(topic, undefined, now + 1800)).toBeUndefined();
    expect(await sealer.obtain(topic, undefined, now + 1800)).not.toBe(key);

    const short = await pair({ messageLimit: 2, epochSeconds: 60 });
    short.key.seal(topic, payload);
    short.key.seal(topic, payload);
    expect(() => short.key.seal(topic, payload)).toThrow(RangeError);
    expect(short.sealer.current(topic, undefined, now)).toBeUndefined();
    const next = await short.sealer.obtain(topic, undefined, now);
    expect(next).not.toBe(short.key);
    expect(next.expires).toBe(now + 60);
    expect(() => sealerOf(writer, "psk", { messageLimit: 2 ** 32 })).toThrow(RangeError);
    expect(() => sealerOf(writer, "psk", { epochSeconds: 3601 })).toThrow(RangeError);
  });

  it("messages at once wait for one wrap", async () => {
    const sealer = sealerOf(writer, "psk");
    const keys = await Promise.all(Array.from({ length: 10 }, async () => sealer.obtain(topic, undefined, now)));
    expect(new Set(keys).size).toBe(1);

    // Also those that come while the wrap is made, one microtask after the other.
    const late = sealerOf(writer, "psk");
    const staggered = [late.obtain(topic, undefined, now)];
    for (let i = 0; i < 200; i++) {
      await Promise.resolve();
      staggered.push(late.obtain(topic, undefined, now));
    }
    expect(new Set(await Promise.all(staggered)).size).toBe(1);
  });

  it("a countersigned key takes no message without its signature, nor with another's", async () => {
    const { key, opener } = await pair({ countersign: true });
    const sealed = key.seal(topic, payload);
    expect(opener.open(topic, sealed, false, now).isCountersigned).toBe(true);
    const other = parseEncrypt0(key.seal(topic, payload));
    const stripped = encodeEncrypt0({ ...other, unprotectedHeader: new Map() });
    expect(() => opener.open(topic, stripped, false, now)).toThrow(failing("unauthentic"));
    const borrowed = encodeEncrypt0({ ...other, unprotectedHeader: parseEncrypt0(sealed).unprotectedHeader });
    expect(() => opener.open(topic, borrowed, false, now)).toThrow(failing("unauthentic"));
  });

  it("brings its wrap along when asked to, so that one message is enough", async () => {
    const { key } = await pair();
    const sealed = key.seal(topic, payload, { inlineWrap: true });
    const opener = openerOf(reader);
    const { inlineWrap, wrapTopic } = opener.inspect(sealed);
    expect(wrapTopic).toBe(key.wrapTopic);
    expect(wrapTopic).toMatch(/^smqtt\/kw\/[0-9a-f]{16}\/[0-9a-f]{32}$/);
    await opener.addWrap(inlineWrap ?? random(1), now);
    expect(new Uint8Array(opener.open(topic, sealed, false, now).payload)).toEqual(payload);
  });

  it("a publisher may publish what its certificate says, when it says so, and readers check", async () => {
    const { sealer, key, opener } = await pair();
    await expect(sealer.obtain("garden/x", undefined, now)).rejects.toThrow(WrapError);
    await expect(sealer.obtain(topic, undefined, now + 40 * 86_400)).rejects.toThrow(WrapError);
    // A publisher that does not ask itself.
    expect(() => opener.open("garden/x", key.seal("garden/x", payload), false, now)).toThrow(failing("not-permitted"));
  });

  it("clocks: an epoch in the future, a late message, a late retained one", async () => {
    const { key } = await pair();
    const opener = openerOf(reader);
    await expect(opener.addWrap(key.wrapMessage, now - 301)).rejects.toThrow(failing("early"));
    await opener.addWrap(key.wrapMessage, now - 299);
    const later = key.expires + 86_400 + 301;
    expect(() => opener.open(topic, key.seal(topic, payload), false, later)).toThrow(failing("late"));
    expect(() => opener.open(topic, key.seal(topic, payload), true, later)).toThrow(failing("late")); // only the broker says so
    expect(() => opener.open(topic, key.seal(topic, payload, { isRetained: true }), true, later)).not.toThrow();
    expect(() => opener.open(topic, key.seal(topic, payload), false, later - 1)).not.toThrow();
  });

  it("both AEADs and both backends read each other", async () => {
    for (const algorithm of ["A256GCM", "ChaCha20/Poly1305"] as const) {
      for (const [one, other] of [
        [nodeCrypto, nobleCrypto],
        [nobleCrypto, nodeCrypto],
      ] as const) {
        const { key, opener } = await pair({ algorithm, crypto: one, countersign: true }, { crypto: other });
        expect(new Uint8Array(opener.open(topic, key.seal(topic, payload), false, now).payload)).toEqual(payload);
      }
    }
  });
});

describe("wraps", async () => {
  const system = await createSystem(["psk", "kp-abe"], 22);
  const { clock, random, join, sealerOf, openerOf, authority } = system;
  const writer = await join("writer", { publish: ["house/#"] });
  const reader = await join("reader", { subscribe: ["house/#"] });
  const topic = "house/kitchen";
  const { now } = clock;

  it("are verified before anything is computed", async () => {
    const key = await sealerOf(writer, "kp-abe").obtain(topic, undefined, now);
    let unwraps = 0;
    const counting = new Map(
      [...system.options.suites].map(([name, suite]) => [
        name,
        {
          ...suite,
          unwrap: async () => {
            unwraps++;
            return random(32);
          },
        },
      ]),
    );
    const opener = openerOf(reader, { suites: counting });
    const message = parseSign1(key.wrapMessage);
    const forgeries = [
      key.wrapMessage.slice().fill(0, -1),
      sign1(nodeCrypto, random(32), writer.certificate.id, message.payload, WRAP_AAD), // signed by nobody
      sign1(nodeCrypto, reader.identity.signingSecret, reader.certificate.id, message.payload, WRAP_AAD), // by another device
      sign1(nodeCrypto, writer.identity.signingSecret, writer.certificate.id, message.payload, new Uint8Array(0)), // as something else
      new Uint8Array(20_000),
      random(300),
    ];
    for (const forgery of forgeries) {
      await expect(opener.addWrap(forgery, now)).rejects.toThrow(expect.objectContaining({ name: "OpenError" }));
    }
    expect(unwraps).toBe(0);
    await opener.addWrap(key.wrapMessage, now);
    expect(unwraps).toBe(1);
  });

  it("under another authority's certificate are refused", async () => {
    const other = await createSystem(["psk"], 23);
    const impostor = await other.join("writer", { publish: ["house/#"] });
    const key = await other.sealerOf(impostor, "psk").obtain(topic, undefined, now);
    await expect(openerOf(reader).addWrap(key.wrapMessage, now)).rejects.toThrow(failing("malformed"));
  });

  it("say when and how, and that is bound: a later generation, epoch or algorithm does not unwrap", async () => {
    const key = await sealerOf(writer, "kp-abe").obtain(topic, undefined, now);
    const parsed = parseWrapPayload(parseSign1(key.wrapMessage).payload);
    for (const change of [
      { generation: 2 },
      { created: parsed.created + 1 },
      { expires: parsed.expires + 1 },
      { algorithm: 24 as const },
      { isCountersigned: true },
    ]) {
      const payload = encodeWrapPayload({ ...parsed, ...change }, parsed.wrap);
      const resigned = sign1(nodeCrypto, writer.identity.signingSecret, writer.certificate.id, payload, WRAP_AAD);
      await expect(openerOf(reader).addWrap(resigned, now)).rejects.toThrow(failing("not-for-us"));
    }
  });

  it("the key id commits to the key: one ciphertext cannot be named by two keys", async () => {
    // psk unwraps anything to some key; a wrap whose salt was altered gives another key, and so another key id.
    const key = await sealerOf(writer, "psk").obtain(topic, undefined, now);
    const parsed = parseWrapPayload(parseSign1(key.wrapMessage).payload);
    const payload = encodeWrapPayload(parsed, parsed.wrap.slice().fill(0, 0, 1));
    const resigned = sign1(nodeCrypto, writer.identity.signingSecret, writer.certificate.id, payload, WRAP_AAD);
    const opener = openerOf(reader);
    expect(toHex(await opener.addWrap(resigned, now))).not.toBe(toHex(key.keyId));
    expect(() => opener.open(topic, key.seal(topic, new Uint8Array(1)), false, now)).toThrow(failing("unknown-key"));
  });

  it("come from one publisher only so often", async () => {
    const opener = openerOf(reader, { unwrapBurst: 3, unwrapsPerSecond: 1 });
    const sealer = sealerOf(writer, "psk");
    const add = async (at: number): Promise<unknown> => {
      sealer.rotate();
      return opener.addWrap((await sealer.obtain(topic, undefined, now)).wrapMessage, at);
    };
    for (let i = 0; i < 3; i++) await add(now);
    await expect(add(now)).rejects.toThrow(failing("too-often"));
    await add(now + 1);
  });

  it("keys kept are bounded, the least used dropped first", async () => {
    const opener = openerOf(reader, { maxKeys: 2 });
    const sealer = sealerOf(writer, "psk");
    const keys = [];
    for (let i = 0; i < 3; i++) {
      sealer.rotate();
      const key = await sealer.obtain(topic, undefined, now);
      keys.push(key);
      await opener.addWrap(key.wrapMessage, now);
      const first = keys[0] ?? key;
      opener.open(topic, first.seal(topic, new Uint8Array(1)), false, now);
    }
    expect(keys.map((key) => opener.hasKey(key.keyId))).toEqual([true, false, true]);
  });

  it("after a rotation publishers seal under the new generation, and revoked ones are not believed", async () => {
    const third = await join("third", { publish: ["house/#"], subscribe: ["house/#"] });
    const thirdOpener = openerOf(third);
    const sealer = sealerOf(writer, "kp-abe");
    const before = await sealer.obtain(topic, undefined, now);
    await thirdOpener.addWrap(before.wrapMessage, now);
    const fromThird = await sealerOf(third, "kp-abe").obtain(topic, undefined, now);
    const opener = openerOf(reader);
    await opener.addWrap(fromThird.wrapMessage, now);

    await authority.revoke([toHex(third.certificate.id)]);
    writer.update(authority.bundle());
    const after = await sealer.obtain(topic, undefined, now);
    expect(after).not.toBe(before);
    await expect(thirdOpener.addWrap(after.wrapMessage, now)).rejects.toThrow(failing("not-for-us"));

    reader.update(authority.bundle());
    expect(() => opener.open(topic, fromThird.seal(topic, new Uint8Array(1)), false, now)).toThrow(failing("revoked"));
    await expect(openerOf(reader).addWrap(fromThird.wrapMessage, now)).rejects.toThrow(failing("revoked"));
    await reader.renew(await authority.renew(toHex(reader.certificate.id)));
    await opener.addWrap(after.wrapMessage, now);
    expect(opener.hasKey(after.keyId)).toBe(true);
  });

  it("expire with the keys: after its period a reader opens no new epoch", async () => {
    const shortLived = await join("short", { subscribe: ["house/#"], lifetimeDays: 1 });
    const sealer = sealerOf(writer, "kp-abe");
    const opener = openerOf(shortLived);
    const soon = await sealer.obtain(topic, undefined, now);
    await opener.addWrap(soon.wrapMessage, now);
    const later = now + 3 * 86_400;
    const after = await sealer.obtain(topic, undefined, later);
    await expect(opener.addWrap(after.wrapMessage, later)).rejects.toThrow(failing("not-for-us"));
  });

  it("a late joiner opens what was sealed before it came, unless its keys are forward only", async () => {
    const key = await sealerOf(writer, "kp-abe").obtain(topic, undefined, now);
    clock.now += 86_400;
    const late = await join("late", { subscribe: ["house/#"] });
    const forward = await join("forward", { subscribe: ["house/#"], isForwardOnly: true });
    // Both were enrolled in a generation after the wrap's when something was revoked in between: wrap anew.
    writer.update(authority.bundle());
    const sealer = sealerOf(writer, "kp-abe");
    const current = await sealer.obtain(topic, undefined, now);
    await openerOf(late).addWrap(current.wrapMessage, clock.now);
    await expect(openerOf(forward).addWrap(current.wrapMessage, clock.now)).rejects.toThrow(failing("not-for-us"));
    expect(key.wrapMessage.length).toBeLessThan(2048);
    clock.now -= 86_400;
  });

  it("decode as CBOR with the documented labels", () => {
    expect(decodeCbor(WRAP_AAD)).toBe("ISTHMUS-SMQTT-V01-WRAP");
  });
});
