import { createHmac, createSign, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeUtf8 } from "@isthmus/bytes";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { JwtSource, type JwtSourceOptions, type TokenKeyOptions } from "../src/access/sources/jwt-source.js";
import { AccessError } from "../src/index.js";
import { TcpHub } from "./test-hub.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-jwt-"));
const SECRET = "a secret of thirty-two bytes at least";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsaFile = pem("rsa.pem", rsa.publicKey);
const ecFile = pem("ec.pem", ec.publicKey);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 2026-01-01T00:00:00Z, in seconds. */
const NOW = 1_767_225_600;
const CLAIMS = { sub: "anna", exp: NOW + 60 };

function pem(name: string, key: KeyObject): string {
  const file = path.join(folder, name);
  writeFileSync(file, key.export({ type: "spki", format: "pem" }));
  return file;
}

function base64url(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

type Signer = (data: string) => Buffer;
const signers: Readonly<Record<string, Signer>> = {
  HS256: (data) => createHmac("sha256", SECRET).update(data).digest(),
  RS256: (data) => createSign("sha256").update(data).sign(rsa.privateKey),
  ES256: (data) => sign("sha256", Buffer.from(data), { key: ec.privateKey, dsaEncoding: "ieee-p1363" }),
};

function token(claims: unknown = CLAIMS, alg = "HS256", header: object = {}): string {
  const data = `${base64url({ alg, typ: "JWT", ...header })}.${base64url(claims)}`;
  return `${data}.${(signers[alg]?.(data) ?? Buffer.alloc(0)).toString("base64url")}`;
}

async function identify(text: string, options: Partial<JwtSourceOptions> = {}) {
  const source = await JwtSource.load({ type: "jwt", keys: [{ secret: SECRET }], ...options });
  vi.useFakeTimers({ now: NOW * 1000, toFake: ["Date"] });
  return source.identify({ door: "mqtt", listener: "mqtt", address: "a:1", user: "x", password: encodeUtf8(text) });
}

afterEach(() => vi.useRealTimers());

const KEYS: readonly TokenKeyOptions[] = [{ secret: SECRET }, { publicKeyFile: rsaFile }, { publicKeyFile: ecFile }];

describe("a token", () => {
  test.each(["HS256", "RS256", "ES256"])("signed with %s lets in whom it names, until it expires", async (alg) => {
    expect(await identify(token(CLAIMS, alg), { keys: KEYS })).toMatchObject({
      user: "anna",
      source: "jwt",
      expiresAt: (NOW + 90) * 1000,
    });
  });

  test("of RFC 7515 A.1 is accepted while it holds", async () => {
    const secret = Buffer.from(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
      "base64url",
    );
    const { verifyToken, secretKey } = await import("../src/access/sources/json-web-token.js");
    const text =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const key = secretKey(secret);
    expect(verifyToken(text, [key], 1_300_819_379_000, 0).claims).toMatchObject({ iss: "joe" });
    expect(() => verifyToken(text, [key], 1_300_819_380_000, 0)).toThrow("expired");
  });

  const tampered = (): string => {
    const [header = "", , signature = ""] = token().split(".");
    return `${header}.${base64url({ ...CLAIMS, sub: "root" })}.${signature}`;
  };

  test.each<[string, () => string, Partial<JwtSourceOptions>, string]>([
    ["has expired", () => token({ ...CLAIMS, exp: NOW - 31 }), {}, "has expired"],
    ["never expires", () => token({ sub: "anna" }), {}, "does not say when it expires"],
    ["expires at no time", () => token({ sub: "anna", exp: "soon" }), {}, "exp is not a number"],
    ["does not hold yet", () => token({ ...CLAIMS, nbf: NOW + 31 }), {}, "does not hold yet"],
    ["is of another issuer", () => token({ ...CLAIMS, iss: "b" }), { issuer: "a" }, "another issuer"],
    ["is for somebody else", () => token({ ...CLAIMS, aud: ["b", "c"] }), { audience: "a" }, "for somebody else"],
    ["names nobody", () => token({ exp: NOW + 60 }), {}, "has no sub"],
    ["names somebody otherwise", () => token({ ...CLAIMS, sub: 7 }), {}, "has no sub"],
    ["was changed", tampered, {}, "not signed by a key"],
    ["is not signed", () => token(CLAIMS, "none"), {}, "not signed by a key"],
    ["needs extensions", () => token(CLAIMS, "HS256", { crit: ["b64"] }), {}, "needs extensions"],
    [
      "names another key",
      () => token(CLAIMS, "HS256", { kid: "b" }),
      { keys: [{ id: "a", secret: SECRET }] },
      "not signed",
    ],
    ["has claims that are no object", () => token([1]), {}, "not a JSON object"],
    ["has claims that are no JSON", () => `${base64url({ alg: "HS256" })}.e30x.`, {}, "not signed"],
    [
      "has a rule that is not understood",
      () => token({ ...CLAIMS, acl: { pub: ["a"], forbid: ["b"] } }),
      {},
      "is no rule",
    ],
    ["has a rule on no filter", () => token({ ...CLAIMS, acl: { pub: ["a/#/b"] } }), {}, "#"],
    ["has groups that are no names", () => token({ ...CLAIMS, groups: [1] }), {}, "not a list of names"],
  ])("that %s is refused", async (_, text, options, reason) => {
    const finding = await identify(text(), options);
    expect(finding).toMatchObject({ reasonCode: 0x87 });
    expect(finding).toHaveProperty("reason", expect.stringContaining(reason));
  });

  test("signed with a public key as if that were the secret is refused: the key says what it is for", async () => {
    const data = `${base64url({ alg: "HS256" })}.${base64url(CLAIMS)}`;
    const signature = createHmac("sha256", rsa.publicKey.export({ type: "spki", format: "pem" }))
      .update(data)
      .digest("base64url");
    expect(await identify(`${data}.${signature}`, { keys: [{ publicKeyFile: rsaFile }] })).toMatchObject({
      reasonCode: 0x87,
    });
  });

  test("within the leeway of the clocks still holds, or holds already", async () => {
    expect(await identify(token({ ...CLAIMS, exp: NOW - 29, nbf: NOW + 29 }))).toHaveProperty("user", "anna");
  });

  test("of the right issuer, for us among others, is accepted; the user may be in another claim", async () => {
    const claims = { ...CLAIMS, iss: "a", aud: ["us", "them"], name: "Anna" };
    expect(await identify(token(claims), { issuer: "a", audience: "us", userClaim: "name" })).toHaveProperty(
      "user",
      "Anna",
    );
  });

  test.each([
    [{ acl: { pub: ["a"], sub: ["b/#"], all: ["c"] } }],
    [
      {
        acl: [
          { action: "publish", topic: "a" },
          { permission: "allow", action: "subscribe", topic: "b/#" },
          { topic: "c" },
        ],
      },
    ],
  ])("brings rules along: %j", async (claims) => {
    expect(await identify(token({ ...CLAIMS, ...claims }))).toHaveProperty("rules", [
      { allow: "write", topics: ["a"] },
      { allow: "read", topics: ["b/#"] },
      { allow: "readwrite", topics: ["c"] },
    ]);
  });

  test("brings publ and subs along, with the names of whom it is for", async () => {
    expect(await identify(token({ ...CLAIMS, publ: ["x/${clientid}"], subs: [], groups: ["g"] }))).toMatchObject({
      rules: [{ allow: "write", topics: ["x/%c"] }],
      groups: ["g"],
    });
  });

  test("is not what a password is: another source is asked", async () => {
    for (const text of ["sesame", "a.b.c", "", "eyJ.x"]) expect(await identify(text)).toBeUndefined();
  });
});

test("a token with anything changed is refused, or says the same", async () => {
  const whole = token({ ...CLAIMS, groups: ["g"] });
  const source = await JwtSource.load({ type: "jwt", keys: KEYS });
  vi.useFakeTimers({ now: NOW * 1000, toFake: ["Date"] });
  const change = fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(...Array.from("AZaz09-_.=+/ \u0000é")));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(whole.length), (changes, cut) => {
      const letters = Array.from(whole);
      for (const [at, letter] of changes) letters[at] = letter;
      for (const text of [letters.join(""), whole.slice(0, cut)]) {
        const finding = source.identify({ door: "http", listener: "http", address: "a:1", token: text });
        if (finding !== undefined && !("reasonCode" in finding)) expect(text).toBe(whole);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  [[], "has no keys"],
  [[{}], "either secret or publicKeyFile"],
  [[{ secret: "too short" }], "9 bytes is shorter than 32"],
  [[{ publicKeyFile: "/nowhere.pem" }], "ENOENT"],
  [[{ publicKeyFile: import.meta.filename }], "not a public key in PEM form"],
  [[{ publicKeyFile: pem("p384.pem", generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey) }], "but ec"],
])("keys %j cannot be used, and the error says why", async (keys, problem) => {
  const failure = await JwtSource.load({ type: "jwt", keys }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(AccessError);
  expect(String(failure)).toContain(problem);
});

describe("a hub that takes tokens", () => {
  const live = (claims: object, expiresInS: number) => ({
    username: "x",
    password: encodeUtf8(token({ sub: "anna", exp: Date.now() / 1000 + expiresInS, ...claims })),
  });
  let hub: TcpHub;
  afterEach(() => hub.close());

  test("lets the client do what its token says, beside what the rules say of its groups", async () => {
    hub = await TcpHub.start({
      access: {
        sources: [{ type: "jwt", keys: [{ secret: SECRET }] }],
        rules: [
          { group: "cooks", allow: "readwrite", topics: ["kitchen/#"] },
          { deny: "write", topics: ["+/sealed"] },
        ],
      },
    });
    const client = await hub.connect(live({ groups: ["cooks"], acl: { pub: ["own/#"] } }, 60));
    const codes = [];
    for (const topic of ["own/a", "kitchen/a", "own/sealed", "other"])
      codes.push(await client.publish(topic, "x", { qos: 1 }));
    expect(codes).toEqual([0x10, 0x10, 0x87, 0x87]);
  });

  test("sends the client away when its token expires, and when its key is no longer accepted", async () => {
    hub = await TcpHub.start({ access: { sources: [{ type: "jwt", keys: [{ secret: SECRET }], leewaySeconds: 0 }] } });
    const lasting = await hub.connect(live({}, 60));
    const passing = await hub.connect(live({}, 0.2));
    expect((await passing.expect("disconnect")).reasonCode).toBe(0xa0);
    await hub.hub.reload({ access: { sources: [{ type: "jwt", keys: [{ secret: `${SECRET}!` }] }] } });
    expect((await lasting.expect("disconnect")).reasonCode).toBe(0x87);
  });
});
