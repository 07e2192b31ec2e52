import { createHash } from "node:crypto";
import * as crypto from "node:crypto";
import { encodeUtf8 } from "@isthmus/bytes";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePasswordFile, PasswordFileError, withSecret } from "../src/access/passwords/password-file.js";
import {
  deriveScramSecret,
  hashPassword,
  parseSecret,
  PasswordSecretError,
} from "../src/access/passwords/password-secret.js";

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64").replace(/=+$/, "");
}

const SALT = Buffer.from("salt");
const SHA512 = createHash("sha512").update("pencil").update(SALT).digest("base64");

const ARGON2ID = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

describe("a secret", () => {
  test.each([
    [
      "RFC 7914 12, scrypt",
      "password",
      `$scrypt$ln=10,r=8,p=16$${base64("4e61436c")}$${base64("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640")}`,
    ],
    [
      "RFC 7677 3, SCRAM-SHA-256",
      "pencil",
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    ],
    ["mosquitto's $6$", "pencil", `$6$${SALT.toString("base64")}$${SHA512}`],
    // Of the reference implementation of argon2; Node.js has it from 24.7 on.
    ...("argon2" in crypto ? [["argon2id", "password", ARGON2ID]] : []),
  ])("of %s is checked", async (_, password = "", text = "") => {
    const secret = parseSecret(text);
    expect(await secret.verify(encodeUtf8(password))).toBe(true);
    for (const wrong of ["", `${password}x`, password.toUpperCase()]) {
      expect(await secret.verify(encodeUtf8(wrong))).toBe(false);
    }
    expect(await secret.verify(Uint8Array.of(0xff, 0xfe))).toBe(false);
  });

  test("is another one each time, of any password", async () => {
    const password = "pässwörd 🔑";
    const secrets = [await hashPassword(password, 10), await hashPassword(password, 10)];
    expect(new Set(secrets).size).toBe(2);
    secrets.push(await deriveScramSecret(password, 4096));
    for (const text of secrets) expect(await parseSecret(text).verify(encodeUtf8(password))).toBe(true);
  });

  test.each([
    "sesame",
    "",
    "$scrypt$ln=21,r=8,p=1$c2E$c2E",
    "$scrypt$ln=15,r=33,p=1$c2E$c2E",
    "$scrypt$ln=15,r=8,p=0$c2E$c2E",
    "$scrypt$ln=15,r=8,p=1$$c2E",
    "$7$0$c2E=$c2E=",
    "$7$99999999$c2E=$c2E=",
    "$5$c2E=$c2E=",
    "$argon2i$v=19$m=65536,t=2,p=1$c2E$c2E",
    "$argon2id$v=19$m=9999999,t=2,p=1$c2E$c2E",
    "$scrypt$ln=20,r=32,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
    "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$A",
    "$7$101$c2FsdHNhbHQ=$A",
    "$6$c2FsdHNhbHQ=$A",
    "$argon2id$v=19$m=65536,t=2,p=1$c2E$MDEyMzQ1Njc4OWFiY2RlZg",
    "$argon2id$v=19$m=8,t=2,p=2$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
    "SCRAM-SHA-256$4095:c2E=$c2E=:c2E=",
    "SCRAM-SHA-1$4096:c2E=$c2E=:c2E=",
  ])("%j is none", (text) => {
    expect(() => parseSecret(text)).toThrow(PasswordSecretError);
  });
});

test("a password file of any bytes is read, or the line is named that is wrong", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "b", ":", "#", "\n", "\r", " ", "$") }), (text) => {
      try {
        parsePasswordFile(text, "users");
      } catch (error) {
        expect(error).toBeInstanceOf(PasswordFileError);
        expect(String(error)).toMatch(/users:\d+: /);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a user who is put in is there, the others stay as they were, and one who is taken out is gone", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.dictionary(name, fc.constantFrom("x", "y")), name, (users, user) => {
      const text = Object.entries(users).reduce((so, [each, secret]) => withSecret(so, each, secret), "# users\n");
      const added = parsePasswordFile(withSecret(text, user, "new"), "users");
      expect(Object.fromEntries(added)).toEqual({ ...users, [user]: "new" });
      const { [user]: _removed, ...others } = users;
      expect(Object.fromEntries(parsePasswordFile(withSecret(text, user, undefined), "users"))).toEqual(others);
    }),
  );
});
