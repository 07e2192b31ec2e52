import { readdirSync, readFileSync } from "node:fs";
import { concatBytes, encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { type CborMap, encodeCbor } from "../src/envelope/cbor.js";
import { HEADER, isAeadAlgorithm } from "../src/envelope/cose-parameters.js";
import { countersign, countersignStructure, verifyCountersignature } from "../src/envelope/countersignature.js";
import { type CryptoBackend, nobleCrypto, sealed } from "../src/envelope/crypto-backend.js";
import { type Encrypt0, encStructure, parseEncrypt0 } from "../src/envelope/encrypt0.js";
import { parseSign1, sigStructure, verifySign1 } from "../src/envelope/sign1.js";
import { nodeCrypto } from "../src/node/node-crypto.js";

interface Key {
  readonly crv?: string;
  readonly x?: string;
  readonly x_hex?: string;
  readonly y?: string;
}
interface Vector {
  readonly title: string;
  readonly fail?: boolean;
  readonly input: {
    readonly plaintext: string;
    readonly encrypted?: {
      readonly external?: string;
      readonly countersign?: { readonly signers: { readonly key: Key }[] };
      readonly countersign0?: { readonly signers: { readonly key: Key }[] };
    };
    readonly sign0?: { readonly external?: string; readonly key: Key };
  };
  readonly intermediates: {
    readonly AAD_hex?: string;
    readonly CEK_hex?: string;
    readonly ToBeSign_hex?: string;
    readonly countersign0?: { readonly ToBeSign_hex: string }[];
    readonly countersigners?: { readonly ToBeSign_hex: string }[];
  };
  readonly output: { readonly cbor: string };
}

const root = new URL("vectors/cose/", import.meta.url);
function vectorsIn(folder: string): [string, Vector][] {
  return readdirSync(new URL(`${folder}/`, root)).map((file) => [
    `${folder}/${file}`,
    JSON.parse(readFileSync(new URL(`${folder}/${file}`, root), "utf8")) as Vector, // files of the repository
  ]);
}
const encryptVectors = ["aes-gcm-examples", "chacha-poly-examples", "encrypted-tests"].flatMap(vectorsIn);
const signVectors = vectorsIn("sign1-tests");
const base64url = (text = ""): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"));

/** Two of the vectors have it unprotected, which ours never do. */
function algorithmOf({ protectedHeader, unprotectedHeader }: Encrypt0): unknown {
  return protectedHeader.get(HEADER.algorithm) ?? unprotectedHeader.get(HEADER.algorithm);
}

/** Decrypts as the vectors do, with an IV in the unprotected header; anything wrong is undefined. */
function decrypt(crypto: CryptoBackend, vector: Vector): Uint8Array | undefined {
  const { intermediates, input, output } = vector;
  const external = fromHex(input.encrypted?.external ?? "");
  try {
    const message = parseEncrypt0(fromHex(output.cbor), "optional");
    const algorithm = algorithmOf(message);
    const iv = message.unprotectedHeader.get(HEADER.iv);
    if (!isAeadAlgorithm(algorithm) || !(iv instanceof Uint8Array)) return undefined;
    const aead = crypto.aead(algorithm, fromHex(intermediates.CEK_hex ?? ""));
    return aead.open(iv, encStructure(message.protectedBytes, external), message.ciphertext);
  } catch {
    return undefined;
  }
}

describe.each([nobleCrypto, nodeCrypto])("COSE examples on the $name backend", (crypto) => {
  it.each(encryptVectors)("%s", (_, vector) => {
    const plaintext = decrypt(crypto, vector);
    if (vector.fail) return expect(plaintext).toBeUndefined();
    expect(plaintext === undefined ? undefined : toHex(plaintext)).toBe(toHex(encodeUtf8(vector.input.plaintext)));
    const message = parseEncrypt0(fromHex(vector.output.cbor), "optional");
    const external = fromHex(vector.input.encrypted?.external ?? "");
    // The intermediate of the ChaCha example has the context of an older draft; its output has that of RFC 9052.
    const expectedAad = vector.intermediates.AAD_hex?.replace(
      toHex(encodeUtf8("Encrypt1")).toUpperCase(),
      toHex(encodeUtf8("Encrypt0")),
    );
    expect(toHex(encStructure(message.protectedBytes, external))).toBe(expectedAad?.toLowerCase());
    // And sealing gives the ciphertext of the vector back, byte for byte.
    const algorithm = algorithmOf(message);
    const iv = message.unprotectedHeader.get(HEADER.iv);
    if (!isAeadAlgorithm(algorithm) || !(iv instanceof Uint8Array)) throw new Error("checked by decrypting");
    const aead = crypto.aead(algorithm, fromHex(vector.intermediates.CEK_hex ?? ""));
    const ciphertext = sealed(
      aead,
      iv,
      encStructure(message.protectedBytes, external),
      encodeUtf8(vector.input.plaintext),
    );
    expect(toHex(ciphertext)).toBe(toHex(message.ciphertext));
    return undefined;
  });

  it("EdDSA-01: a COSE_Sign1 with Ed25519", () => {
    const [, vector] = vectorsIn("eddsa-examples")[0] ?? [];
    if (vector === undefined) throw new Error("the vector is missing");
    const message = parseSign1(fromHex(vector.output.cbor));
    const publicKey = fromHex(vector.input.sign0?.key.x_hex ?? "");
    expect(toHex(sigStructure(message.protectedBytes, new Uint8Array(0), message.payload))).toBe(
      vector.intermediates.ToBeSign_hex?.toLowerCase(),
    );
    expect(verifySign1(crypto, publicKey, message, new Uint8Array(0))).toBe(true);
    expect(verifySign1(crypto, publicKey, message, new Uint8Array(1))).toBe(false);
    expect(verifySign1(crypto, publicKey, { ...message, payload: new Uint8Array(1) }, new Uint8Array(0))).toBe(false);
    expect(verifySign1(crypto, new Uint8Array(32), message, new Uint8Array(0))).toBe(false);
  });

  it.each(vectorsIn("countersign"))("%s: full countersignatures on a COSE_Encrypt0", (_, vector) => {
    const message = parseEncrypt0(fromHex(vector.output.cbor));
    const found = message.unprotectedHeader.get(7); // the label of RFC 8152; RFC 9338 has 11
    if (!Array.isArray(found)) throw new Error("the vector has no countersignature");
    const all = (Array.isArray(found[0]) ? found : [found]) as [Uint8Array, CborMap, Uint8Array][]; // as in the vector
    const signers = vector.input.encrypted?.countersign?.signers ?? [];
    expect(all.length).toBe(signers.length);
    let checked = 0;
    for (const [index, [signProtected, , signature]] of all.entries()) {
      const structure = countersignStructure(message, new Uint8Array(0), signProtected);
      expect(toHex(structure)).toBe(vector.intermediates.countersigners?.[index]?.ToBeSign_hex.toLowerCase());
      const key = signers[index]?.key;
      if (key?.crv !== "Ed25519") continue;
      checked++;
      expect(crypto.verify(fromHex(key.x_hex ?? ""), structure, signature)).toBe(true);
    }
    expect(checked).toBeGreaterThan(0);
  });

  // The published example of the abbreviated form signs an empty sign_protected, which RFC 9338 3.3 leaves out.
  it("Encrypt-01: an abbreviated countersignature as of RFC 8152 is over another structure and refused", () => {
    const [, vector] = vectorsIn("countersign1")[0] ?? [];
    if (vector === undefined) throw new Error("the vector is missing");
    const parsed = parseEncrypt0(fromHex(vector.output.cbor));
    const publicKey = fromHex(vector.input.encrypted?.countersign0?.signers[0]?.key.x_hex ?? "");
    const signature = parsed.unprotectedHeader.get(9); // the label of RFC 8152
    if (!(signature instanceof Uint8Array)) throw new Error("the vector has no countersignature");
    const empty = new Uint8Array(0);
    const older = encodeCbor(["CounterSignature0", parsed.protectedBytes, empty, empty, parsed.ciphertext]);
    expect(toHex(older)).toBe(vector.intermediates.countersign0?.[0]?.ToBeSign_hex.toLowerCase());
    expect(crypto.verify(publicKey, older, signature)).toBe(true);
    const moved = { ...parsed, unprotectedHeader: new Map([[HEADER.countersignature0, signature]]) };
    expect(verifyCountersignature(crypto, publicKey, moved, empty)).toBe(false);
  });

  it("an abbreviated countersignature binds protected header, external data and ciphertext", () => {
    const secret = new Uint8Array(32).fill(5);
    const publicKey = ed25519.getPublicKey(secret);
    const parsed = parseEncrypt0(fromHex(encryptVectors[0]?.[1].output.cbor ?? ""));
    const signature = countersign(crypto, secret, parsed, encodeUtf8("data"));
    const message = { ...parsed, unprotectedHeader: new Map([[HEADER.countersignature0, signature]]) };
    const verify = (changed: Partial<Encrypt0>, data = "data"): boolean =>
      verifyCountersignature(crypto, publicKey, { ...message, ...changed }, encodeUtf8(data));
    expect(verify({})).toBe(true);
    expect(verify({}, "other")).toBe(false);
    expect(verify({ ciphertext: parsed.ciphertext.slice(1) })).toBe(false);
    expect(verify({ protectedBytes: fromHex("a10102") })).toBe(false);
    expect(verify({ unprotectedHeader: new Map() })).toBe(false);
  });

  it("signs as Ed25519 of RFC 8032 7.1, test 2", () => {
    const secret = fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    expect(toHex(crypto.sign(secret, fromHex("72")))).toBe(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
  });

  it("an AEAD opens what it sealed and nothing altered, and takes keys of its length alone", () => {
    for (const [algorithm, length] of [
      [1, 16],
      [2, 24],
      [3, 32],
      [24, 32],
    ] as const) {
      const aead = crypto.aead(algorithm, new Uint8Array(length).fill(7));
      const nonce = new Uint8Array(12).fill(1);
      const box = sealed(aead, nonce, encodeUtf8("aad"), encodeUtf8("text"));
      expect(box.length).toBe(4 + 16);
      expect(new Uint8Array(aead.open(nonce, encodeUtf8("aad"), box) ?? [])).toEqual(encodeUtf8("text"));
      expect(aead.open(nonce, encodeUtf8("AAD"), box)).toBeUndefined();
      expect(aead.open(new Uint8Array(12), encodeUtf8("aad"), box)).toBeUndefined();
      expect(aead.open(nonce, encodeUtf8("aad"), box.subarray(1))).toBeUndefined();
      expect(aead.open(nonce, encodeUtf8("aad"), new Uint8Array(3))).toBeUndefined();
      expect(() => crypto.aead(algorithm, new Uint8Array(length + 1))).toThrow(RangeError);
    }
  });
});

describe("COSE_Sign1 examples, with ECDSA added here to check what is signed", () => {
  it.each(signVectors)("%s", (_, { fail, input, intermediates, output }) => {
    const external = fromHex(input.sign0?.external ?? "");
    const publicKey = concatBytes([new Uint8Array([4]), base64url(input.sign0?.key.x), base64url(input.sign0?.key.y)]);
    const verify = (): boolean => {
      const message = parseSign1(fromHex(output.cbor), "optional");
      if (
        message.protectedHeader.get(HEADER.algorithm) !== -7 &&
        message.unprotectedHeader.get(HEADER.algorithm) !== -7
      ) {
        return false;
      }
      const digest = sha256(sigStructure(message.protectedBytes, external, message.payload));
      if (!fail) {
        const expected = intermediates.ToBeSign_hex?.toLowerCase();
        expect(toHex(sigStructure(message.protectedBytes, external, message.payload))).toBe(expected);
      }
      return p256.verify(message.signature, digest, publicKey, { prehash: false, lowS: false });
    };
    if (fail) expect(attempt(verify)).toBe(false);
    else expect(verify()).toBe(true);
    // Ours are signed with Ed25519; a message that says another algorithm never verifies.
    expect(
      attempt(() => verifySign1(nobleCrypto, new Uint8Array(32), parseSign1(fromHex(output.cbor)), external)),
    ).toBe(false);
  });
});

function attempt(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    return false;
  }
}

describe("parsing COSE", () => {
  it.each([
    ["d08340a040", "minimal", true],
    ["8340a040", "no tag", false],
    ["d18340a040", "the tag of MAC0", false],
    ["d08440a04040", "four items", false],
    ["d08340a0", "two items", false],
    ["d083a0a040", "a protected header that is no byte string", false],
    ["d08341ffa040", "a protected header that is no CBOR", false],
    ["d08343a10103a1010340", "the algorithm in both buckets", false],
    ["d08340a04000", "a byte behind", false],
    ["d08340a0f6", "a detached ciphertext", false],
    ["d0834100a040", "a protected header that is no map", false],
  ])("%s: %s", (hex, _, isGood) => {
    if (isGood) expect(() => parseEncrypt0(fromHex(hex))).not.toThrow();
    else expect(() => parseEncrypt0(fromHex(hex))).toThrow(expect.objectContaining({ name: "CoseError" }));
  });
});
