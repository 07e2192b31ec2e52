import { decodeUtf8, encodeUtf8, fromHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Code, Option, type OptionEntry, Options } from "../../src/codec/index.js";
import type { Response } from "../../src/endpoint/index.js";
import { type CacheQuestion, ResponseCache } from "../../src/proxy/index.js";

const URI = "coap://s/temp";

function ask(code: number = Code.GET, entries: readonly OptionEntry[] = [], payload = ""): CacheQuestion {
  return { uri: URI, code, options: Options.of(...entries), payload: encodeUtf8(payload) };
}

function content(text: string, entries: readonly OptionEntry[] = []): Response {
  return { code: Code.CONTENT, options: Options.of(...entries), payload: encodeUtf8(text) };
}

/** "21 5": what is found fresh, and its Max-Age; "stale" or "none". */
function found(cache: ResponseCache, now: number, question = ask()): string {
  const answer = cache.find(now, question);
  if (answer.type !== "fresh") return answer.type;
  const { payload = new Uint8Array(), options, code } = answer.response;
  return `${code === Code.VALID ? "valid" : decodeUtf8(payload)} ${options?.uint(Option.MAX_AGE)}`;
}

describe("a cache of responses (RFC 7252 5.6)", () => {
  it("answers for as long as Max-Age says, which it counts down", () => {
    const cache = new ResponseCache();
    cache.receive(1_000, ask(), content("21", [[Option.MAX_AGE, 10]]));
    expect([1_000, 4_500, 10_999, 11_000].map((now) => found(cache, now))).toEqual(["21 10", "21 7", "21 1", "none"]);
  });

  it("takes a minute where nothing is said", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21"));
    expect([0, 59_999, 60_000].map((now) => found(cache, now))).toEqual(["21 60", "21 1", "none"]);
  });

  it("asks again for what has an entity-tag, and takes 2.03 for its word (RFC 7252 5.9.1.3)", () => {
    const cache = new ResponseCache();
    const etag = fromHex("0a");
    cache.receive(0, ask(), content("21", [[Option.ETAG, etag], [Option.MAX_AGE, 5], [Option.CONTENT_FORMAT, 0]])); // prettier-ignore
    expect(cache.find(6_000, ask())).toEqual({ type: "stale", etag });
    const valid = { code: Code.VALID, options: Options.of([Option.ETAG, etag], [Option.MAX_AGE, 7]) };
    const refreshed = cache.receive(6_000, ask(), valid);
    expect([refreshed.code, decodeUtf8(refreshed.payload ?? new Uint8Array())]).toEqual([Code.CONTENT, "21"]);
    expect(refreshed.options?.uint(Option.CONTENT_FORMAT)).toBe(0);
    expect(found(cache, 8_000)).toBe("21 5");
  });

  it("passes 2.03 on that is about an entity-tag of the client's", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21", [[Option.ETAG, fromHex("0a")]]));
    const valid = { code: Code.VALID, options: Options.of([Option.ETAG, fromHex("0b")]) };
    expect(cache.receive(90_000, ask(), valid)).toBe(valid);
  });

  it("says 2.03 to a client that has the stored response (RFC 7252 5.10.6.2)", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21", [[Option.ETAG, fromHex("0a")]]));
    expect(found(cache, 1_000, ask(Code.GET, [[Option.ETAG, fromHex("0a")]]))).toBe("valid 59");
    expect(found(cache, 1_000, ask(Code.GET, [[Option.ETAG, fromHex("0b")]]))).toBe("21 59");
  });

  it("keeps errors, which cannot be validated (RFC 7252 5.9.2)", () => {
    const cache = new ResponseCache();
    const options = Options.of([Option.MAX_AGE, 5], [Option.ETAG, fromHex("0a")]);
    cache.receive(0, ask(), { code: Code.NOT_FOUND, options, payload: encodeUtf8("no") });
    expect([1_000, 6_000].map((now) => found(cache, now))).toEqual(["no 4", "none"]);
  });

  it.each([
    ["method", ask(Code.FETCH)],
    ["Accept", ask(Code.GET, [[Option.ACCEPT, 50]])],
    ["an option that nobody knows", ask(Code.GET, [[2_048, "x"]])],
  ])("does not answer for another %s", (_, other) => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21"));
    expect(found(cache, 0, other)).toBe("none");
  });

  it.each<[string, OptionEntry]>([
    ["Size1", [Option.SIZE1, 7]],
    ["an unknown option with NoCacheKey", [0x7dc, "x"]],
    ["Observe", [Option.OBSERVE, 0]],
    ["Hop-Limit", [Option.HOP_LIMIT, 3]],
  ])("answers whatever %s says (RFC 7252 5.4.6)", (_, entry) => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21"));
    expect(found(cache, 0, ask(Code.GET, [entry]))).toBe("21 60");
  });

  it("tells FETCHes by what they ask for (RFC 8132 2)", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(Code.FETCH, [], "a"), content("A"));
    expect([found(cache, 0, ask(Code.FETCH, [], "a")), found(cache, 0, ask(Code.FETCH, [], "b"))]).toEqual([
      "A 60",
      "none",
    ]);
  });

  it("does not trust what was stored before a change (RFC 7252 5.9.1)", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21"));
    cache.receive(0, ask(Code.GET, [[Option.ACCEPT, 50]]), content("21", [[Option.ETAG, fromHex("0a")]]));
    cache.receive(1_000, ask(Code.PUT, [], "22"), { code: Code.CONFLICT });
    expect(found(cache, 1_000)).toBe("21 59");
    cache.receive(2_000, ask(Code.PUT, [], "22"), { code: Code.CHANGED });
    expect(found(cache, 2_000)).toBe("none");
    expect(found(cache, 2_000, ask(Code.GET, [[Option.ACCEPT, 50]]))).toBe("stale");
  });

  it("forgets what was stored when the server answers otherwise", () => {
    const cache = new ResponseCache();
    cache.receive(0, ask(), content("21"));
    cache.receive(0, ask(), { code: Code.CREATED });
    expect([found(cache, 0), cache.size, cache.sizeBytes]).toEqual(["none", 0, 0]);
  });

  it("makes room for the new in the order of use", () => {
    const cache = new ResponseCache({ maxEntries: 2 });
    const at = (uri: string): CacheQuestion => ({ ...ask(), uri });
    for (const uri of ["a", "b"]) cache.receive(0, at(uri), content(uri));
    cache.find(0, at("a"));
    cache.receive(0, at("c"), content("c"));
    expect(["a", "b", "c"].map((uri) => found(cache, 0, at(uri)))).toEqual(["a 60", "none", "c 60"]);
  });

  it("never holds more than it may, whatever comes", () => {
    const step = fc.record({
      uri: fc.constantFrom("a", "b", "c", "d"),
      code: fc.constantFrom(Code.GET, Code.PUT, Code.FETCH),
      answer: fc.constantFrom(Code.CONTENT, Code.VALID, Code.NOT_FOUND, Code.CHANGED),
      size: fc.nat(600),
      maxAge: fc.nat(3),
      hasEtag: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new ResponseCache({ maxBytes: 2_000, maxEntries: 3 });
        for (const [index, { uri, code, answer, size, maxAge, hasEtag }] of steps.entries()) {
          const question = { ...ask(code), uri };
          const options: OptionEntry[] = [[Option.MAX_AGE, maxAge], ...(hasEtag ? [[Option.ETAG, "e"] as const] : [])];
          cache.receive(index * 500, question, { code: answer, options: Options.of(...options), payload: new Uint8Array(size) }); // prettier-ignore
          expect(cache.sizeBytes).toBeLessThanOrEqual(2_000);
          expect(cache.size).toBeLessThanOrEqual(3);
        }
        cache.clear();
        expect([cache.size, cache.sizeBytes]).toEqual([0, 0]);
      }),
    );
  });
});
