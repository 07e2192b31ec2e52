import { decodeUtf8, encodeUtf8, equalBytes, fromHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { Code, Option } from "../../src/codec/index.js";
import { decodeCbor, Format, link, representation, senml } from "../../src/media/index.js";
import { changed, CoapError, content, contentEtag, created, reply } from "../../src/server/index.js";
import { ServerBench, summary } from "./server-bench.js";

describe("methods and paths", () => {
  it("answers each method with its own success code when the handler has nothing to say", () => {
    const { server, ask } = bench();
    const nothing = () => undefined;
    const handlers = { get: nothing, post: nothing, put: nothing, delete: nothing };
    server.resource("/a", { ...handlers, fetch: nothing, patch: nothing, ipatch: nothing });
    const codes = [Code.GET, Code.POST, Code.PUT, Code.DELETE, Code.FETCH, Code.PATCH, Code.IPATCH];
    expect(codes.map((code) => summary(ask("/a", { code })))).toEqual([
      "2.05 Content",
      "2.04 Changed",
      "2.04 Changed",
      "2.02 Deleted",
      "2.05 Content",
      "2.04 Changed",
      "2.04 Changed",
    ]);
  });

  it("captures segments, decoded, and prefers what is literal", () => {
    const { server, ask } = bench();
    server.get("/rooms/:room/:thing", ({ params }) => `${params.room}|${params.thing}`);
    server.get("/rooms/hall/:thing", ({ params }) => `the hall's ${params.thing}`);
    server.get("/files/*path", ({ params }) => params.path.join("|"));
    server.get("/", () => "root");
    expect(summary(ask("/rooms/a%2Fb/caf%C3%A9"))).toBe("2.05 Content 0 a/b|café");
    expect(summary(ask("/rooms/hall/light"))).toBe("2.05 Content 0 the hall's light");
    expect(summary(ask("/files/x/y%2Fz/"))).toBe("2.05 Content 0 x|y/z|");
    expect(summary(ask("/"))).toBe("2.05 Content 0 root");
    expect(summary(ask("/rooms/hall"))).toBe("4.04 Not Found there is nothing at /rooms/hall");
    expect(summary(ask("/files"))).toBe("4.04 Not Found there is nothing at /files");
  });

  it("answers 4.05 where the path has other methods", () => {
    const { server, ask } = bench();
    server.get("/a", () => 1);
    expect(summary(ask("/a", { code: Code.PUT }))).toBe("4.05 Method Not Allowed PUT is not allowed here");
  });

  it("adds methods to a path that is known, and forgets a path that is removed", () => {
    const { server, ask } = bench();
    server.get("/a", () => "got");
    server.put("/a", ({ payload }) => changed(decodeUtf8(payload)));
    expect(summary(ask("/a"))).toBe("2.05 Content 0 got");
    expect(summary(ask("/a", { code: Code.PUT, payload: "x" }))).toBe("2.04 Changed 0 x");
    expect(server.remove("/a")).toBe(true);
    expect(summary(ask("/a"))).toBe("4.04 Not Found there is nothing at /a");
    expect(server.remove("/a")).toBe(false);
  });

  it.each(["a", "/a/*rest/b", "/:x/:x", "/:"])("refuses the path %s", (path) => {
    const { server } = bench();
    expect(() => server.get(path, () => 1)).toThrow(TypeError);
  });

  it("reads the query", () => {
    const { server, ask } = bench();
    server.get("/q", ({ query }) => [query.get("a"), query.getAll("b"), query.has("c"), query.get("d") ?? null]);
    expect(summary(ask("/q?a=1&b=x&b=y%26z&c"))).toBe('2.05 Content 50 ["1",["x","y&z"],true,null]');
  });

  it("answers 4.02 when the query is not UTF-8", () => {
    const { server, ask } = bench();
    server.get("/q", ({ query }) => query.arguments);
    expect(summary(ask("/q", { options: [[Option.URI_QUERY, fromHex("ff")]] }))).toMatch(/^4\.02 Bad Option/);
  });

  it("hands all below a mounted path to another handler", () => {
    const { server, ask } = bench();
    const seen: string[] = [];
    server.mount("/t", {
      handleRequest: (now, request) => {
        seen.push(request.path.text);
        request.respond(now, { code: Code.CONTENT });
      },
    });
    for (const path of ["/t", "/t/a/b"]) ask(path);
    expect(seen).toEqual(["/t", "/t/a/b"]);
  });

  it("lets a guard refuse", () => {
    const bench = new ServerBench({
      guard: (_, { path }) => (path.text === "/secret" ? { code: Code.FORBIDDEN } : undefined),
    });
    bench.server.get("/secret", () => "gold");
    bench.server.get("/open", () => "air");
    expect(bench.ask("/secret").code).toBe(Code.FORBIDDEN);
    expect(bench.ask("/open").code).toBe(Code.CONTENT);
  });
});

describe("representations", () => {
  it("goes by Accept, and answers 4.06 when there is no such form (RFC 7252 5.10.4)", () => {
    const { server, ask } = bench();
    server.get("/temp", () => ({ celsius: 21.5 }));
    expect(summary(ask("/temp"))).toBe('2.05 Content 50 {"celsius":21.5}');
    expect(summary(ask("/temp", { accept: Format.XML }))).toBe("2.05 Content 41 <celsius>21.5</celsius>");
    expect(decodeCbor(ask("/temp", { accept: Format.CBOR }).payload)).toEqual({ celsius: 21.5 });
    expect(summary(ask("/temp", { accept: Format.SENML_JSON }))).toMatch(/^4\.06 Not Acceptable/);
  });

  it("offers SenML in three forms", () => {
    const { server, ask } = bench();
    server.get("/temp", () => senml([{ name: "t", unit: "Cel", value: 21.5 }]));
    expect(summary(ask("/temp"))).toBe('2.05 Content 110 [{"n":"t","u":"Cel","v":21.5}]');
    expect(ask("/temp", { accept: Format.SENML_CBOR }).options.uint(Option.CONTENT_FORMAT)).toBe(112);
    expect(summary(ask("/temp", { accept: Format.SENML_XML }))).toMatch(/^2\.05 Content 310 <sensml/);
  });

  it("does not undo what was done because the answer has no acceptable form", () => {
    const { server, ask } = bench();
    server.put("/a", () => changed(representation("x", Format.TEXT)));
    expect(summary(ask("/a", { code: Code.PUT, accept: Format.CBOR }))).toBe("2.04 Changed");
  });

  it("reads bodies by their Content-Format", () => {
    const { server, ask } = bench();
    server.post("/echo", (request) => changed(representation({ got: request.body() }, Format.JSON)));
    const send = (payload: string | Uint8Array, contentFormat: number): string =>
      summary(ask("/echo", { code: Code.POST, payload, contentFormat }));
    expect(send('{"a":1}', Format.JSON)).toBe('2.04 Changed 50 {"got":{"a":1}}');
    expect(send(fromHex("a1616101"), Format.CBOR)).toBe('2.04 Changed 50 {"got":{"a":1}}');
    expect(send("<a>1</a>", Format.XML)).toBe('2.04 Changed 50 {"got":{"a":1}}');
    expect(send('[{"n":"t","v":1}]', Format.SENML_JSON)).toBe('2.04 Changed 50 {"got":[{"name":"t","value":1}]}');
    expect(send('{"a":', Format.JSON)).toMatch(/^4\.00 Bad Request the payload is not application\/json/);
    expect(send("x", 114)).toMatch(/^4\.15 Unsupported Content-Format application\/senml-exi is not understood/);
  });

  it("answers 4.15 to a format that the resource does not take (RFC 7252 5.9.2.10)", () => {
    const { server, ask } = bench();
    server.resource("/a", { put: () => undefined, accepts: [Format.JSON] });
    expect(ask("/a", { code: Code.PUT, contentFormat: Format.JSON }).code).toBe(Code.CHANGED);
    expect(ask("/a", { code: Code.PUT, contentFormat: Format.TEXT }).code).toBe(Code.UNSUPPORTED_CONTENT_FORMAT);
  });

  it("sends and takes large bodies without a thought", () => {
    const { server, ask } = bench();
    let stored = new Uint8Array(0);
    server.resource("/large", {
      get: () => stored,
      put: ({ payload }) => {
        stored = payload.slice();
      },
    });
    const body = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
    expect(ask("/large", { code: Code.PUT, payload: body }).code).toBe(Code.CHANGED);
    const response = ask("/large");
    expect(equalBytes(response.payload, body)).toBe(true);
    // RFC 7959 2.4: an entity-tag says that the blocks belong together.
    expect(response.options.bytes(Option.ETAG)).toEqual(contentEtag(Format.OCTETS, body));
  });

  it("says Max-Age, Location and further options", () => {
    const { server, ask } = bench();
    server.post("/log", () => created("/log/a%2Fb?level=2&x", { maxAge: 5, options: [[Option.SIZE2, 7]] }));
    const { code, options } = ask("/log", { code: Code.POST });
    expect(code).toBe(Code.CREATED);
    expect(options.texts(Option.LOCATION_PATH)).toEqual(["log", "a/b"]);
    expect(options.texts(Option.LOCATION_QUERY)).toEqual(["level=2", "x"]);
    expect([options.uint(Option.MAX_AGE), options.uint(Option.SIZE2)]).toEqual([5, 7]);
  });

  it("leaves out a Max-Age of 60, which is what none means (RFC 7252 5.10.5)", () => {
    const { server, ask } = bench();
    server.get("/a", () => 1, { maxAge: 60 });
    server.get("/b", () => 1, { maxAge: 0 });
    expect(ask("/a").options.has(Option.MAX_AGE)).toBe(false);
    expect(ask("/b").options.uint(Option.MAX_AGE)).toBe(0);
  });
});

describe("entity-tags and preconditions (RFC 7252 5.10.6, 5.10.8)", () => {
  function document() {
    const { server, ask } = bench();
    let text: string | undefined = "first";
    server.resource("/doc", {
      get: () => {
        if (text === undefined) throw new CoapError(Code.NOT_FOUND);
        return text;
      },
      put: (request) => {
        const isNew = text === undefined;
        text = request.text();
        return isNew ? created() : undefined;
      },
      delete: () => {
        text = undefined;
      },
      hasContentEtag: true,
    });
    return ask;
  }

  it("answers 2.03 to whom has it, and the body once it changed", () => {
    const ask = document();
    const etag = ask("/doc").options.bytes(Option.ETAG) ?? new Uint8Array();
    const valid = ask("/doc", { options: [[Option.ETAG, fromHex("00")], [Option.ETAG, etag]] }); // prettier-ignore
    expect([valid.code, valid.payload.length, valid.options.bytes(Option.ETAG)]).toEqual([Code.VALID, 0, etag]);
    ask("/doc", { code: Code.PUT, payload: "second" });
    expect(summary(ask("/doc", { options: [[Option.ETAG, etag]] }))).toBe("2.05 Content 0 second");
  });

  it("has a tag for each form, and takes any of them in If-Match", () => {
    const ask = document();
    const [text, json] = [undefined, Format.JSON].map((accept) =>
      ask("/doc", accept === undefined ? {} : { accept }).options.bytes(Option.ETAG),
    );
    expect(text).not.toEqual(json);
    const question = { code: Code.PUT, payload: "second", options: [[Option.IF_MATCH, json ?? ""]] as const };
    expect(ask("/doc", question).code).toBe(Code.CHANGED);
    expect(ask("/doc", question).code).toBe(Code.PRECONDITION_FAILED);
    expect(summary(ask("/doc"))).toBe("2.05 Content 0 second");
  });

  it("If-Match without a value asks that it exists, If-None-Match that it does not", () => {
    const ask = document();
    const put = (option: number): number => ask("/doc", { code: Code.PUT, payload: "x", options: [[option, ""]] }).code;
    expect([put(Option.IF_MATCH), put(Option.IF_NONE_MATCH)]).toEqual([Code.CHANGED, Code.PRECONDITION_FAILED]);
    ask("/doc", { code: Code.DELETE });
    expect([put(Option.IF_MATCH), put(Option.IF_NONE_MATCH)]).toEqual([Code.PRECONDITION_FAILED, Code.CREATED]);
  });

  it("takes the tag that the handler says", () => {
    const { server, ask } = bench();
    server.resource("/v", { get: () => content("x", { etag: fromHex("07") }), put: () => undefined });
    expect(ask("/v", { options: [[Option.ETAG, fromHex("07")]] }).code).toBe(Code.VALID);
    const put = (etag: string): number =>
      ask("/v", { code: Code.PUT, options: [[Option.IF_MATCH, fromHex(etag)]] }).code;
    expect([put("07"), put("08")]).toEqual([Code.CHANGED, Code.PRECONDITION_FAILED]);
  });

  it("lets one of two conditional writes win even when looking takes time", async () => {
    const bench = new ServerBench();
    let version = 0;
    const puts: string[] = [];
    bench.server.resource("/slow", {
      get: async () => {
        await later();
        return content("x", { etag: Uint8Array.of(version) });
      },
      put: async (request) => {
        await later();
        puts.push(request.text());
        version++;
      },
    });
    const question = (payload: string) => ({
      code: Code.PUT,
      payload,
      options: [[Option.IF_MATCH, fromHex("00")]] as const,
    });
    const answers = await Promise.all([
      bench.askLater("/slow", question("a")),
      bench.askLater("/slow", question("b")),
      bench.askLater("/slow", { code: Code.PUT, payload: "c" }),
    ]);
    expect(answers.map(({ code }) => code)).toEqual([Code.CHANGED, Code.PRECONDITION_FAILED, Code.CHANGED]);
    expect(puts).toEqual(["a", "c"]);
  });
});

describe("errors", () => {
  it("become the response that they know", () => {
    const { server, ask } = bench();
    server.get("/busy", () => {
      throw new CoapError(Code.SERVICE_UNAVAILABLE, "come back later", { maxAge: 30 });
    });
    const response = ask("/busy");
    expect(summary(response)).toBe("5.03 Service Unavailable come back later");
    expect(response.options.uint(Option.MAX_AGE)).toBe(30);
  });

  it("that nobody meant are 5.00, told to the operator and not to the client", async () => {
    const bench = new ServerBench();
    bench.server.get("/bug", () => {
      throw new Error("password is 1234");
    });
    bench.server.get("/later", async () => {
      await later();
      throw new Error("also bad");
    });
    bench.server.get("/strange", () => () => 1);
    expect(summary(bench.ask("/bug"))).toBe("5.00 Internal Server Error Internal Server Error");
    expect((await bench.askLater("/later")).code).toBe(Code.INTERNAL_SERVER_ERROR);
    expect(bench.ask("/strange").code).toBe(Code.INTERNAL_SERVER_ERROR);
    expect(bench.errors.map(String)).toEqual([
      "Error: password is 1234",
      "Error: also bad",
      "TypeError: a result of type function has no representation",
    ]);
  });

  it("are problem details for whom wants them (RFC 9290)", () => {
    const { server, ask } = bench();
    server.get("/a", () => {
      throw new CoapError(Code.NOT_FOUND, "no such sensor");
    });
    const response = ask("/a", { accept: 257 });
    expect(response.options.uint(Option.CONTENT_FORMAT)).toBe(257);
    expect(decodeCbor(response.payload, { useMaps: true })).toEqual(
      new Map<number, unknown>([[-1, "Not Found"], [-2, "no such sensor"], [-4, 0x84]]), // prettier-ignore
    );
  });

  it("can be a reply as well, whatever Accept says", () => {
    const { server, ask } = bench();
    server.get("/a", () => reply(Code.CONFLICT, { why: "locked" }));
    expect(summary(ask("/a", { accept: Format.TEXT }))).toBe('4.09 Conflict 50 {"why":"locked"}');
  });

  it("are refused as codes of success", () => {
    expect(() => new CoapError(Code.CONTENT)).toThrow(RangeError);
  });
});

describe("/.well-known/core (RFC 6690 4)", () => {
  it("lists resources with their attributes, in order", () => {
    const { server, ask } = bench();
    server.get("/temp", () => 1, { attributes: { rt: "temperature-c", if: "sensor" }, isObservable: true });
    server.get("/rooms/:room", () => 1);
    server.get("/hidden", () => 1, { isListed: false });
    server.get("/light", () => 1, { attributes: { rt: "light-lux", ct: [0, 50] } });
    server.additionalLinks = [link("/rooms/hall", { rt: "room" })];
    expect(summary(ask("/.well-known/core"))).toBe(
      '2.05 Content 40 </temp>;rt="temperature-c";if="sensor";obs,</light>;rt="light-lux";ct="0 50",</rooms/hall>;rt="room"',
    );
    expect(summary(ask("/.well-known/core?rt=light-lux"))).toBe('2.05 Content 40 </light>;rt="light-lux";ct="0 50"');
    expect(summary(ask("/.well-known/core?rt=none"))).toBe("2.05 Content 40");
  });

  it("keeps silent when a multicast query meets nothing", () => {
    const bench = new ServerBench();
    bench.server.get("/temp", () => 1, { attributes: { rt: "temperature-c" } });
    const hit = bench.send("/.well-known/core?rt=temperature-c", { isMulticast: true });
    const miss = bench.send("/.well-known/core?rt=other", { isMulticast: true });
    bench.network.runFor(20_000);
    expect(hit.responses.map(summary)).toEqual(['2.05 Content 40 </temp>;rt="temperature-c"']);
    expect(miss.responses).toEqual([]);
  });

  it("tells its observers what came and went", () => {
    const bench = new ServerBench();
    const { responses } = bench.send("/.well-known/core", { observe: 0 });
    bench.network.runFor(100);
    bench.server.get("/a", () => 1);
    bench.network.runFor(100);
    bench.server.remove("/a");
    bench.network.runFor(100);
    expect(responses.map(({ payload }) => decodeUtf8(payload))).toEqual(["", "</a>", ""]);
  });
});

function bench() {
  const bench = new ServerBench();
  return { server: bench.server, ask: bench.ask.bind(bench) };
}

function later(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it("makes entity-tags that tell contents and formats apart", () => {
  const bodies = ["", "a", "b", "ab", "ba", "aa", "a".repeat(1_000), `${"a".repeat(999)}b`];
  const tags = bodies.flatMap((body) => [0, 50].map((format) => contentEtag(format, encodeUtf8(body)).join(".")));
  expect(new Set(tags).size).toBe(tags.length);
});
