import { toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { AttributeError } from "../src/abe/attribute.js";
import type { DeviceGrant } from "../src/authority/authority-state.js";
import { Authority } from "../src/authority/authority.js";
import { permitsPublish } from "../src/authority/certificate.js";
import { EnrolmentError, parseInvitation } from "../src/authority/enrolment.js";
import { exportDevice, importDevice } from "../src/authority/device-file.js";
import { createIdentity, publicIdentity } from "../src/authority/identity.js";
import { Membership } from "../src/authority/membership.js";
import { PassphraseError, PassphraseKey } from "../src/authority/passphrase.js";
import { CoseError } from "../src/envelope/cose-parameters.js";
import { type CryptoBackend, nobleCrypto } from "../src/envelope/crypto-backend.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { secureRandomBytes } from "../src/random.js";
import { GrantError } from "../src/suites/suite.js";
import { TopicError } from "../src/topics.js";
import { createSystem } from "./system-case.js";

/** scrypt with N = 2^10: a second less per file. */
const QUICK = 10;
const DAY = 86_400;

const quickKey = async (passphrase: string): Promise<PassphraseKey> =>
  PassphraseKey.create(nodeCrypto, secureRandomBytes, passphrase, QUICK);

describe("enrolment", async () => {
  const { authority, clock, options, random, join } = await createSystem(["psk", "kp-abe"]);

  it("gives a device certificate, keys and parameters, all signed, by three messages", async () => {
    const device = await join("sensor", { subscribe: ["a/#"], publish: ["b/+"] });
    expect(device.certificate.name).toBe("sensor");
    expect(device.certificate.signingKey).toEqual(publicIdentity(device.identity).signingKey);
    expect(device.readableSuites).toEqual(["psk", "kp-abe"]);
    expect(device.publisher("kp-abe").parameters.length).toBe(576);
    expect(device.bundle.name).toBe("test");
    expect(() => device.publisher("cp-abe")).toThrow(RangeError);
    expect(permitsPublish(device.certificate, "b/x", clock.now)).toBe(true);
    expect(permitsPublish(device.certificate, "b/x/y", clock.now)).toBe(false);
    expect(permitsPublish(device.certificate, "a/x", clock.now)).toBe(false);
    expect(permitsPublish(device.certificate, "b/x", clock.now + 32 * DAY)).toBe(false);
  });

  it("an invitation is good once, until it expires, and only for the authority that gave it", async () => {
    const invitation = authority.invite("once", { publish: ["x"] });
    const first = await Membership.request(invitation, createIdentity(random), options);
    const second = await Membership.request(invitation, createIdentity(random), options);
    await first.complete(await authority.answer(first.request));
    await expect(authority.answer(second.request)).rejects.toThrow(EnrolmentError);
    await expect(authority.answer(first.request)).rejects.toThrow(EnrolmentError); // replayed

    const late = authority.invite("late", { publish: ["x"] }, 1);
    const joining = await Membership.request(late, createIdentity(random), options);
    clock.now += DAY;
    await expect(authority.answer(joining.request)).rejects.toThrow("expired");
    clock.now -= DAY;

    const { authority: other } = await createSystem(["psk"], 2);
    await expect(other.answer(joining.request)).rejects.toThrow(CoseError);
    for (const text of ["", "smqtt:00", `${invitation}00`, invitation.slice(1)])
      expect(() => parseInvitation(text)).toThrow(SyntaxError);
  });

  it("requests that were altered or are none are refused", async () => {
    const { request } = await Membership.request(authority.invite("x", {}), createIdentity(random), options);
    for (const hostile of [request.slice(1), request.slice().fill(0, 40, 41), new Uint8Array(0), random(100)]) {
      await expect(authority.answer(hostile)).rejects.toThrow(CoseError);
    }
  });

  it("an answer opens for the device that asked and for its question alone", async () => {
    const [mine, another] = [createIdentity(random), createIdentity(random)];
    const joining = await Membership.request(authority.invite("mine", { subscribe: ["a"] }), mine, options);
    const answer = await authority.answer(joining.request);
    const key = authority.signingKey;
    await expect(Membership.open(answer, another, key, nodeCrypto)).rejects.toThrow(CoseError);
    await expect(Membership.open(answer, mine, key, nodeCrypto, random(16))).rejects.toThrow("another request");
    await expect(Membership.open(answer, mine, random(32), nodeCrypto)).rejects.toThrow("not signed by the authority");
    const stored = await Membership.open(answer, mine, key, nodeCrypto);
    expect(stored.certificate.name).toBe("mine");
  });

  it("offline: the authority enrols a device by its public keys", async () => {
    const identity = createIdentity(random);
    const answer = await authority.enrol("offline", publicIdentity(identity), { subscribe: ["a"] });
    const membership = await Membership.open(answer, identity, authority.signingKey, nodeCrypto);
    expect(membership.certificate.name).toBe("offline");
    expect(authority.devices.get(toHex(membership.certificate.id))?.name).toBe("offline");
  });

  it("a grant that nothing can be issued for leaves no trace that would stand in the way of renewals", async () => {
    const { authority: strict, random: bytes } = await createSystem(["psk-tree"], 15);
    const enrol = async (grant: DeviceGrant) => strict.enrol("wrong", publicIdentity(createIdentity(bytes)), grant);
    await expect(enrol({ subscribe: ["a/+"] })).rejects.toThrow(GrantError);
    await expect(enrol({ publish: ["a/#/b"] })).rejects.toThrow(TopicError);
    await expect(enrol({ attributes: ["@gen/2"] })).rejects.toThrow(AttributeError);
    expect(() => strict.invite("wrong", { attributes: [["@int/x", 1]] })).toThrow(AttributeError);
    expect(strict.devices.size).toBe(0);
    expect(await strict.renewAll()).toEqual(new Map());
  });

  it("a suite that cannot express a grant gives no keys, the others do", async () => {
    const { join: joinTree } = await createSystem(["psk-tree", "kp-abe"], 3);
    const device = await joinTree("plus", { subscribe: ["a/+"] });
    expect(device.readableSuites).toEqual(["kp-abe"]);
    const { join: joinOnlyTree } = await createSystem(["psk-tree"], 4);
    await expect(joinOnlyTree("plus", { subscribe: ["a/+"] })).rejects.toThrow("a tree of keys has no key");
  });
});

describe("renewal and revocation", async () => {
  const { authority, clock, random, join } = await createSystem(["psk", "hpke", "kp-abe"], 5);

  it("renewed keys are others, good for longer", async () => {
    const device = await join("renewed", { subscribe: ["a"], publish: ["a"] });
    const before = { until: device.certificate.validity.until, key: device.reader("kp-abe")?.readerKey };
    clock.now += 10 * DAY;
    const { bytes, nonce } = await device.requestRenewal(random);
    await device.renew(await authority.answer(bytes), nonce);
    expect(device.certificate.validity.until).toBe(before.until + 10 * DAY);
    expect(device.reader("kp-abe")?.readerKey).not.toEqual(before.key);
  });

  it("a revoked device gets nothing more, and every suite goes on without it", async () => {
    const [kept, revoked] = [await join("kept", { subscribe: ["a"] }), await join("revoked", { subscribe: ["a"] })];
    const id = toHex(revoked.certificate.id);
    await authority.revoke([id]);
    await expect(authority.renew(id)).rejects.toThrow(EnrolmentError);
    const asking = await revoked.requestRenewal(random);
    await expect(authority.answer(asking.bytes)).rejects.toThrow("is revoked");
    await expect(authority.enrol("again", publicIdentity(revoked.identity), {})).rejects.toThrow("is revoked");
    await expect(authority.revoke(["0011"])).rejects.toThrow(EnrolmentError);

    expect(kept.needsRenewal).toBe(false);
    expect(kept.update(authority.bundle())).toBe(true);
    expect(kept.needsRenewal).toBe(true);
    expect(kept.revoked.map((bytes) => toHex(bytes))).toEqual([id]);
    const answers = await authority.renewAll();
    expect(answers.has(id)).toBe(false);
    await kept.renew(answers.get(toHex(kept.certificate.id)) ?? new Uint8Array(0));
    expect(kept.needsRenewal).toBe(false);
  });

  it("older bundles and answers are not taken in place of newer ones", async () => {
    const device = await join("careful", { subscribe: ["a"] });
    const id = toHex(device.certificate.id);
    const [older, newer] = [await authority.renew(id), await authority.renew(id)];
    await device.renew(newer);
    await expect(device.renew(older)).rejects.toThrow("older");
    const oldBundle = authority.bundle();
    await join("another", {});
    expect(device.update(authority.bundle())).toBe(true);
    expect(device.update(oldBundle)).toBe(false);
    const { authority: other } = await createSystem(["psk"], 6);
    expect(() => device.update(other.bundle())).toThrow(CoseError);
  });

  it("enrolments at the same time do not lose one another", async () => {
    const { authority: busy } = await createSystem(["hpke"], 7);
    const identities = Array.from({ length: 8 }, () => createIdentity(random));
    await Promise.all(identities.map((own, i) => busy.enrol(`d${i}`, publicIdentity(own), { subscribe: ["a"] })));
    const answer = await busy.renew(toHex(publicIdentity(identities[0] ?? createIdentity(random)).id));
    const first = await Membership.open(answer, identities[0] ?? createIdentity(random), busy.signingKey, nodeCrypto);
    for (const identity of identities) {
      const { exchangeKey } = publicIdentity(identity);
      expect(toHex(first.publisher("hpke").parameters)).toContain(toHex(exchangeKey));
    }
  });
});

describe("export and import", () => {
  it("an authority goes on where its export stopped, with pending invitations and all", async () => {
    const { authority, options, random, join } = await createSystem(["psk", "kp-abe", "cp-abe"], 8);
    const device = await join("sensor", { subscribe: ["a/#"], attributes: ["x", ["floor", 3]], isForwardOnly: true });
    const invitation = authority.invite("later", { publish: ["a"] });
    const file = await authority.export("corrêct horse", QUICK);
    const restored = await Authority.import(file, "corre\u0302ct horse", options); // the same letters, composed otherwise
    expect(restored.signingKey).toEqual(authority.signingKey);
    expect([...restored.devices]).toEqual(
      [...authority.devices].map(([id, d]) => [id, { ...d, grant: { lifetimeDays: 30, publish: [], ...d.grant } }]),
    );

    const joining = await Membership.request(invitation, createIdentity(random), options);
    expect((await joining.complete(await restored.answer(joining.request))).certificate.name).toBe("later");
    const { bytes, nonce } = await device.requestRenewal(random);
    await device.renew(await restored.answer(bytes), nonce);
  });

  it("a wrong passphrase, an altered byte and a file of another kind are refused", async () => {
    const { authority, options, random } = await createSystem(["psk"], 9);
    const file = await authority.export("right", QUICK);
    await expect(Authority.import(file, "wrong", options)).rejects.toThrow(PassphraseError);
    const altered = file.slice();
    altered[file.length - 1] = (altered[file.length - 1] ?? 0) ^ 1;
    await expect(Authority.import(altered, "right", options)).rejects.toThrow(PassphraseError);
    const device = { identity: createIdentity(random), authorityKey: authority.signingKey };
    const deviceFile = exportDevice(device, await quickKey("right"), random);
    await expect(Authority.import(deviceFile, "right", options)).rejects.toThrow("not a file of the kind");
    for (const hostile of [new Uint8Array(0), random(200)]) {
      await expect(Authority.import(hostile, "right", options)).rejects.toThrow(PassphraseError);
    }
  });

  it("a file cannot ask for more memory than a gigabyte", async () => {
    const { authority, options } = await createSystem(["psk"], 10);
    const file = await authority.export("right", QUICK);
    const costly = file.slice();
    const at = costly.indexOf(QUICK);
    costly[at] = 23;
    await expect(Authority.import(costly, "right", options)).rejects.toThrow("not a file of the kind");
  });

  it("written again under the same passphrase it takes no second derivation, and is another ciphertext", async () => {
    const { options } = await createSystem(["psk"], 12);
    let derivations = 0;
    const crypto: CryptoBackend = {
      ...nodeCrypto,
      scrypt: async (...given) => {
        derivations++;
        return nodeCrypto.scrypt(...given);
      },
    };
    const authority = await Authority.setup("counted", ["psk"], { ...options, crypto });
    const files = [
      await authority.export("one", QUICK),
      await authority.export("one"),
      await authority.export("two", QUICK),
    ];
    expect(derivations).toBe(2);
    expect(toHex(files[0] ?? new Uint8Array())).not.toBe(toHex(files[1] ?? new Uint8Array()));
    await expect(Authority.import(files[2] ?? new Uint8Array(), "one", options)).rejects.toThrow(PassphraseError);
  });

  it("both backends derive the same key", async () => {
    const [password, salt] = [new Uint8Array([1, 2]), new Uint8Array(16)];
    expect(await nodeCrypto.scrypt(password, salt, QUICK)).toEqual(await nobleCrypto.scrypt(password, salt, QUICK));
  });
});

describe("a device's file", () => {
  it("brings a membership back with the latest word of the authority, and holds no secret in the clear", async () => {
    const { authority, random, join } = await createSystem(["psk", "hpke"], 11);
    const device = await join("sensor", { subscribe: ["a/#"], publish: ["a/#"] });
    await join("another", { subscribe: ["a/#"] });
    expect(device.update(authority.bundle())).toBe(true);
    const file = exportDevice(device.file, await quickKey("secret"), random);
    const restored = await Membership.restore((await importDevice(file, "secret", nodeCrypto)).device, nodeCrypto);
    expect(restored.certificate).toEqual(device.certificate);
    expect(restored.bundle.serial).toBe(device.bundle.serial);
    expect(restored.reader("psk")?.readerKey).toEqual(device.reader("psk")?.readerKey);
    expect(toHex(file)).not.toContain(toHex(device.identity.signingSecret));
    await expect(importDevice(file, "Secret", nodeCrypto)).rejects.toThrow(PassphraseError);
  });

  it("keeps a request until its answer comes", async () => {
    const { authority, options, random } = await createSystem(["psk"], 13);
    const joining = await Membership.request(
      authority.invite("slow", { publish: ["a"] }),
      createIdentity(random),
      options,
    );
    const file = exportDevice(joining.file, await quickKey("secret"), random);
    const { device: pending, key } = await importDevice(file, "secret", nodeCrypto);
    expect(key.isOf("secret", QUICK)).toBe(true);
    await expect(Membership.restore(pending, nodeCrypto)).rejects.toThrow("not been answered");
    const answer = await authority.answer(joining.request);
    const { identity, authorityKey, nonce } = pending;
    expect((await Membership.open(answer, identity, authorityKey, nodeCrypto, nonce)).certificate.name).toBe("slow");
  });
});
