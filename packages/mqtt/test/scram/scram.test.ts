import { fromHex, toHex } from "@isthmus/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decoyCredentials,
  deriveScramCredentials,
  formatServerError,
  saslprep,
  ScramClient,
  type ScramCredentials,
  ScramError,
  ScramServer,
} from "../../src/scram/index.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** The example of RFC 7677 3. */
const EXAMPLE = {
  username: "user",
  password: "pencil",
  clientNonce: "rOprNGfwEbeRWgbNEkqO",
  serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  salt: Uint8Array.from(atob("W22ZaJ0SNY7soEsUEjb6gQ=="), (character) => character.charCodeAt(0)),
  iterations: 4096,
  messages: [
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  ],
} as const;

function exampleClient(rest: { password?: string; maxIterations?: number } = {}): ScramClient {
  const { username, password, clientNonce: nonce } = EXAMPLE;
  return new ScramClient({ username, password, nonce, ...rest });
}

function exampleCredentials(): Promise<ScramCredentials> {
  return deriveScramCredentials(EXAMPLE.password, EXAMPLE.salt, EXAMPLE.iterations);
}

/** A server that has sent its challenge. */
async function exampleServer(): Promise<ScramServer> {
  const server = new ScramServer(EXAMPLE.serverNonce);
  server.receiveFirst(bytes(EXAMPLE.messages[0]));
  server.challenge(await exampleCredentials());
  return server;
}

describe("SCRAM-SHA-256 (RFC 7677)", () => {
  it("says what the example of RFC 7677 says, on both sides", async () => {
    const client = exampleClient();
    const server = new ScramServer(EXAMPLE.serverNonce);
    const first = client.first();
    expect(server.receiveFirst(first)).toBe(EXAMPLE.username);
    const challenge = server.challenge(await exampleCredentials());
    const final = await client.final(challenge);
    const outcome = await server.receiveFinal(final);
    client.verify(outcome);
    expect([first, challenge, final, outcome].map(text)).toEqual(EXAMPLE.messages);
  });

  it("lets in whoever has the password, whatever is in name, password and salt", async () => {
    const word = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme-ascii" });
    await fc.assert(
      fc.asyncProperty(word, word, fc.uint8Array({ minLength: 8, maxLength: 20 }), async (username, password, salt) => {
        const client = new ScramClient({ username, password, nonce: "client" });
        const server = new ScramServer("server");
        expect(server.receiveFirst(client.first())).toBe(username);
        const challenge = server.challenge(await deriveScramCredentials(password, salt, 4096));
        client.verify(await server.receiveFinal(await client.final(challenge)));
      }),
      { numRuns: 30 },
    );
  });

  it("does not let in who has another password, or no account, and tells neither from the other", async () => {
    const server = await exampleServer();
    const stranger = exampleClient({ password: "crayon" });
    const proof = await stranger.final(bytes(EXAMPLE.messages[1]));
    await expect(server.receiveFinal(proof)).rejects.toMatchObject({ name: "ScramError", value: "invalid-proof" });

    const secret = new Uint8Array(16).fill(7);
    const decoy = await decoyCredentials(secret, "nobody", 4096);
    expect(decoy).toEqual(await decoyCredentials(secret, "nobody", 4096));
    expect(toHex(decoy.salt)).not.toBe(toHex((await decoyCredentials(secret, "nobody else", 4096)).salt));
    const other = new ScramServer(EXAMPLE.serverNonce);
    other.receiveFirst(bytes(EXAMPLE.messages[0]));
    const answer = await exampleClient().final(other.challenge(decoy));
    await expect(other.receiveFinal(answer)).rejects.toMatchObject({ value: "invalid-proof" });
    expect(text(formatServerError(new ScramError("unknown-user", "nobody")))).toBe("e=invalid-proof");
  });

  it("is not content with a server that does not know the password", async () => {
    const client = exampleClient();
    await client.final(bytes(EXAMPLE.messages[1]));
    expect(() => client.verify(bytes(`v=${btoa("x".repeat(32))}`))).toThrow("the server does not know the password");
    expect(() => client.verify(bytes("e=unknown-user"))).toThrow("the server says: unknown-user");
    expect(() => client.verify(undefined)).toThrow("a SCRAM message is missing");
    expect(() => exampleClient().verify(bytes(EXAMPLE.messages[3]))).toThrow(ScramError);
  });

  it.each([
    ["a nonce of its own", "r=somethingElse,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"],
    ["nothing added to the nonce", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"],
    ["too few iterations", "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095"],
    ["more iterations than the client does", "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10001"],
    ["iterations in letters", "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4e3"],
    ["a salt that is not base64", "r=rOprNGfwEbeRWgbNEkqOx,s=W22,i=4096"],
    ["a mandatory extension", "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"],
    ["another order", "s=W22ZaJ0SNY7soEsUEjb6gQ==,r=rOprNGfwEbeRWgbNEkqOx,i=4096"],
    ["no attributes", "hello"],
    ["nothing", ""],
  ])("client: a challenge with %s ends the exchange", async (_what, challenge) => {
    await expect(exampleClient({ maxIterations: 10_000 }).final(bytes(challenge))).rejects.toBeInstanceOf(ScramError);
  });

  it.each([
    ["channel binding", "p=tls-unique,,n=user,r=abc", "channel-binding-not-supported"],
    ["another user to act as", "n,a=root,n=user,r=abc", "other-error"],
    ["no user", "n,,n=,r=abc", "invalid-username-encoding"],
    ["a stray equals sign in the name", "n,,n=us=er,r=abc", "invalid-username-encoding"],
    ["no nonce", "n,,n=user,r=", "other-error"],
    ["a nonce that is far too long", `n,,n=user,r=${"x".repeat(1025)}`, "other-error"],
    ["a mandatory extension", "n,,m=x,n=user,r=abc", "extensions-not-supported"],
    ["no header", "n=user,r=abc", "other-error"],
    ["nothing", "", "other-error"],
  ])("server: a first message with %s ends the exchange", (_what, message, value) => {
    expect(() => new ScramServer("server").receiveFirst(bytes(message))).toThrow(expect.objectContaining({ value }));
  });

  it("server: takes a header that says that the client could have bound the channel, and a name with commas", () => {
    expect(new ScramServer("server").receiveFirst(bytes("y,,n=a=2Cb=3Dc,r=abc,x=ignored"))).toBe("a,b=c");
    expect(new ScramServer("server").receiveFirst(bytes("n,a=user,n=user,r=abc"))).toBe("user");
  });

  it.each([
    ["of another header", EXAMPLE.messages[2].replace("biws", "eSws"), "channel-bindings-dont-match"],
    ["with another nonce", EXAMPLE.messages[2].replace("k0", "k1"), "other-error"],
    ["with a shorter nonce", EXAMPLE.messages[2].replace("k0", "k"), "other-error"],
    ["without a proof", EXAMPLE.messages[2].replace(/,p=.*/, ""), "other-error"],
    ["with a proof that is too short", EXAMPLE.messages[2].replace(/p=.*/, "p=AAAA"), "invalid-proof"],
    ["with a proof that is too long", EXAMPLE.messages[2].replace("VQ=", "VQAAAAA"), "invalid-proof"],
    ["with a proof that is not base64", EXAMPLE.messages[2].replace(/p=.*/, "p=?"), "invalid-encoding"],
  ])("server: a last message %s ends the exchange", async (_what, message, value) => {
    const server = await exampleServer();
    await expect(server.receiveFinal(bytes(message))).rejects.toMatchObject({ value });
  });

  it("server: a last message before the challenge ends the exchange", async () => {
    const early = new ScramServer("server").receiveFinal(bytes(EXAMPLE.messages[2]));
    await expect(early).rejects.toMatchObject({ name: "ScramError" });
  });

  it("server: whatever bytes come, there is an answer or a ScramError", async () => {
    const server = await exampleServer();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (noise) => {
        expect(() => new ScramServer("x").receiveFirst(noise)).toThrow(ScramError);
        await expect(server.receiveFinal(noise)).rejects.toBeInstanceOf(ScramError);
        await expect(exampleClient().final(noise)).rejects.toBeInstanceOf(ScramError);
      }),
    );
  });

  it("keeps no password with fewer rounds than RFC 7677 asks for", async () => {
    await expect(deriveScramCredentials("pencil", EXAMPLE.salt, 4095)).rejects.toBeInstanceOf(RangeError);
  });
});

describe("SASLprep (RFC 4013)", () => {
  // The examples of RFC 4013 3.
  it.each([
    ["I\u00ADX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00AA", "a"],
    ["\u2168", "IX"],
    ["a\u00a0b", "a b"],
    ["\u0627\u0628", "\u0627\u0628"],
  ])("makes %j %j", (given, prepared) => expect(saslprep(given)).toBe(prepared));

  it.each([
    ["a control character", "\u0007"],
    ["both writing directions", "\u0627\u0031"],
    ["both writing directions, framed", "\u0627a\u0628"],
    ["nothing that is left", "\u00ad"],
    ["a private character", "\ue000"],
  ])("refuses %s", (_what, given) => expect(() => saslprep(given)).toThrow(RangeError));

  it("gives the same keys for the same password typed differently", async () => {
    const salt = fromHex("00112233445566778899aabbccddeeff");
    const composed = await deriveScramCredentials("caf\u00e9", salt, 4096);
    expect(await deriveScramCredentials("cafe\u0301", salt, 4096)).toEqual(composed);
  });
});
