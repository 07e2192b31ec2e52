import { equalBytes, fromHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { Code, Option } from "../../src/codec/index.js";
import { allowTargets, below, createForwardProxy, createReverseProxy } from "../../src/proxy/index.js";
import { changed, CoapError, content, createServer } from "../../src/server/index.js";
import { ORIGIN, PROXY, ProxyBench } from "./proxy-bench.js";

const BASE = `coap://${ORIGIN}`;

function forwardBench(options = {}): ProxyBench {
  const own = createServer();
  own.get("/own", () => "the proxy's own");
  return new ProxyBench(
    (relay) => createForwardProxy({ relay, allow: allowTargets([{ host: "192.0.2.0/24" }]), next: own }),
    options,
  );
}

describe("a forward proxy (RFC 7252 5.7.2)", () => {
  it("fetches what Proxy-Uri names, with all methods", async () => {
    const bench = forwardBench();
    bench.origin.resource("/echo", {
      get: ({ query }) => `got ${query.arguments.join()}`,
      put: (request) => changed(`put ${request.text()}`),
      delete: () => undefined,
      fetch: (request) => `fetched ${request.text()}`,
      ipatch: () => undefined,
    });
    const [get, put, remove, fetch, ipatch, missing] = [
      await bench.ask(`${BASE}/echo?a=1&b`),
      await bench.ask(`${BASE}/echo`, { method: "PUT", body: "x" }),
      await bench.ask(`${BASE}/echo`, { method: "DELETE" }),
      await bench.ask(`${BASE}/echo`, { method: "FETCH", body: "q" }),
      await bench.ask(`${BASE}/echo`, { method: "iPATCH", body: "p" }),
      await bench.ask(`${BASE}/missing`),
    ];
    expect([get, put, fetch].map((response) => response.text())).toEqual(["got a=1,b", "put x", "fetched q"]);
    expect([get, put, remove, fetch, ipatch, missing].map(({ status }) => status)).toEqual([
      "2.05",
      "2.04",
      "2.02",
      "2.05",
      "2.04",
      "4.04",
    ]);
  });

  it("fetches what Proxy-Scheme and the Uri options name", async () => {
    const bench = forwardBench();
    bench.origin.get("/a/b", ({ query, options }) => `${query.get("x")} ${options.has(Option.PROXY_SCHEME)}`);
    const options = [
      [Option.PROXY_SCHEME, "coap"],
      [Option.URI_HOST, ORIGIN],
      [Option.URI_PORT, 5683],
    ] as const;
    const response = await bench.settle(bench.client().request(`coap://${PROXY}/a/b?x=1`, { options }));
    expect(response.text()).toBe("1 false");
  });

  it("answers for itself what is for no proxy", async () => {
    const bench = forwardBench();
    const response = await bench.settle(bench.client().request(`coap://${PROXY}/own`));
    expect(response.text()).toBe("the proxy's own");
  });

  it("is no open proxy: 5.05 for what it is not told to fetch", async () => {
    const bench = forwardBench();
    for (const uri of ["coap://198.51.100.1/", "coap://224.0.1.187/", "http://192.0.2.1/", "ftp://192.0.2.1/"]) {
      const response = await bench.ask(uri);
      expect([uri, response.status]).toEqual([uri, uri.startsWith("ftp") ? "4.02" : "5.05"]);
    }
  });

  it("hides that bodies come in blocks", async () => {
    const bench = forwardBench();
    const body = Uint8Array.from({ length: 5_000 }, (_, index) => index % 251);
    let stored = new Uint8Array();
    bench.origin.resource("/large", {
      get: () => stored,
      put: ({ payload }) => {
        stored = payload.slice();
      },
    });
    expect((await bench.ask(`${BASE}/large`, { method: "PUT", body, blockSizeBytes: 64 })).status).toBe("2.04");
    expect(equalBytes(stored, body)).toBe(true);
    expect(equalBytes((await bench.ask(`${BASE}/large`)).payload, body)).toBe(true);
  });

  it("sends safe options on, and none that it does not know and is unsafe (RFC 7252 5.7.1)", async () => {
    const bench = forwardBench();
    const seen: number[][] = [];
    bench.origin.get("/a", ({ options }) => {
      seen.push([...options].map(([number]) => number));
    });
    const safe = 0x800;
    const unsafeElective = 0x802;
    await bench.ask(`${BASE}/a`, { accept: 0, options: [[safe, "x"]] });
    expect(seen).toEqual([[Option.URI_PATH, Option.HOP_LIMIT, Option.ACCEPT, safe]]);
    expect((await bench.ask(`${BASE}/a`, { options: [[unsafeElective, "x"]] })).status).toBe("4.02");
  });

  it("counts Hop-Limit down, and stops requests that go in circles (RFC 8768)", async () => {
    const bench = forwardBench();
    bench.origin.get("/a", ({ options }) => String(options.uint(Option.HOP_LIMIT)));
    const limit = (value: number) => bench.ask(`${BASE}/a?${value}`, { options: [[Option.HOP_LIMIT, value]] });
    expect((await bench.ask(`${BASE}/a`)).text()).toBe("16");
    expect((await limit(3)).text()).toBe("2");
    expect((await limit(1)).status).toBe("5.08");
    // Its own address as the target: it ends when the limit does.
    expect((await bench.ask(`coap://${PROXY}/own`)).text()).toBe("the proxy's own");
  });

  it("says 5.04 when the server does not answer", async () => {
    const bench = forwardBench();
    const answers: Promise<string>[] = [];
    answers.push(
      bench
        .client()
        .request("coap://192.0.2.9/", { proxy: `coap://${PROXY}` })
        .then(({ status }) => status),
    );
    // Until the proxy has sent its request as often as it may.
    for (let turn = 0; turn < 30; turn++) await bench.pass(5_000);
    expect(await Promise.all(answers)).toEqual(["5.04"]);
  });
});

describe("its cache (RFC 7252 5.7.1)", () => {
  it("asks the server once for as long as the answer is fresh, and says what is left of Max-Age", async () => {
    const bench = forwardBench();
    let asked = 0;
    bench.origin.get("/a", () => ++asked, { maxAge: 30 });
    const first = await bench.ask(`${BASE}/a`);
    bench.network.runFor(10_000);
    const second = await bench.ask(`${BASE}/a`);
    expect([first.text(), second.text(), first.maxAge]).toEqual(["1", "1", 30]);
    expect(second.maxAge).toBeLessThanOrEqual(20);
    bench.network.runFor(20_000);
    expect((await bench.ask(`${BASE}/a`)).text()).toBe("2");
  });

  it("asks whether the old answer still holds, and tells each client what it has not got", async () => {
    const bench = forwardBench();
    const seen: string[] = [];
    bench.origin.get("/a", ({ options }) => {
      seen.push(options.has(Option.ETAG) ? "validates" : "asks");
      return content("state", { etag: fromHex("0a"), maxAge: 5 });
    });
    await bench.ask(`${BASE}/a`);
    bench.network.runFor(6_000);
    const plain = await bench.ask(`${BASE}/a`);
    const knowing = await bench.ask(`${BASE}/a`, { etags: [fromHex("0a")] });
    expect([plain.status, plain.text(), knowing.status]).toEqual(["2.05", "state", "2.03"]);
    expect(seen).toEqual(["asks", "validates"]);
  });

  it("does not serve what was changed through it", async () => {
    const bench = forwardBench();
    let state = "old";
    bench.origin.resource("/a", {
      get: () => state,
      put: (request) => {
        state = request.text();
      },
    });
    await bench.ask(`${BASE}/a`);
    await bench.ask(`${BASE}/a`, { method: "PUT", body: "new" });
    expect((await bench.ask(`${BASE}/a`)).text()).toBe("new");
  });

  it("joins those who ask for the same at the same time", async () => {
    const bench = forwardBench();
    let asked = 0;
    bench.origin.get("/a", () => ++asked, { maxAge: 0 });
    const answers = [1, 2, 3].map(() => bench.client().request(`${BASE}/a`, { proxy: `coap://${PROXY}` }));
    const texts = (await bench.settle(Promise.all(answers))).map((response) => response.text());
    expect(texts).toEqual(["1", "1", "1"]);
    expect(bench.relay.exchangeCount).toBe(0);
  });

  it("does not join a client who has the state with one who has not", async () => {
    const bench = forwardBench();
    bench.origin.get("/a", () => content("state", { etag: fromHex("0a"), maxAge: 0 }));
    const proxy = `coap://${PROXY}`;
    const [knowing, plain] = await bench.settle(
      Promise.all([
        bench.client().request(`${BASE}/a`, { proxy, etags: [fromHex("0a")] }),
        bench.client().request(`${BASE}/a`, { proxy }),
      ]),
    );
    expect([knowing.status, plain.status, plain.text()]).toEqual(["2.03", "2.05", "state"]);
  });

  it("does not join what changes things", async () => {
    const bench = forwardBench();
    let count = 0;
    bench.origin.post("/a", () => changed(++count));
    const proxy = `coap://${PROXY}`;
    const answers = [1, 2, 3].map(() => bench.client().request(`${BASE}/a`, { proxy, method: "POST" }));
    const texts = (await bench.settle(Promise.all(answers))).map((response) => response.text());
    expect(texts.toSorted()).toEqual(["1", "2", "3"]);
  });

  it("says 5.03 when it has its hands full", async () => {
    const bench = forwardBench({ maxExchanges: 1 });
    bench.origin.get("/slow", () => new Promise(() => {}));
    const proxy = `coap://${PROXY}`;
    bench
      .client()
      .request(`${BASE}/slow`, { proxy })
      .catch(() => {});
    await bench.pass();
    const response = await bench.ask(`${BASE}/other`);
    expect([response.status, response.maxAge]).toEqual(["5.03", 5]);
  });
});

describe("observing through it (RFC 7641 5, figures 6 and 7)", () => {
  function observed() {
    const bench = forwardBench();
    let celsius = 20;
    let registrations = 0;
    const resource = bench.origin.resource("/temp", {
      get: ({ isNotification, incoming }) => {
        if (!isNotification && incoming.isRegistration) registrations++;
        if (celsius > 100) throw new CoapError(Code.SERVICE_UNAVAILABLE, "molten");
        return celsius;
      },
      isObservable: true,
      maxAge: 30,
    });
    const watch = () => {
      const seen: string[] = [];
      const controller = new AbortController();
      const loop = bench.client().observe(`${BASE}/temp`, { proxy: `coap://${PROXY}`, signal: controller.signal });
      const done = (async () => {
        for await (const response of loop) seen.push(response.ok ? response.text() : response.status);
      })();
      return { seen, controller, done };
    };
    const set = async (value: number) => {
      celsius = value;
      resource.notify();
      await bench.pass();
    };
    return { bench, resource, watch, set, registrations: () => registrations };
  }

  it("joins all observers into one observation of the server", async () => {
    const { bench, resource, watch, set, registrations } = observed();
    const first = watch();
    const second = watch();
    await bench.pass();
    await set(21);
    const late = watch();
    await bench.pass();
    await set(22);
    expect([first.seen, second.seen, late.seen]).toEqual([["20", "21", "22"], ["20", "21", "22"], ["21", "22"]]); // prettier-ignore
    expect([registrations(), resource.observerCount, bench.relay.observationCount]).toEqual([1, 1, 1]);
  });

  it("ends it when the last observer has gone", async () => {
    const { bench, resource, watch, set } = observed();
    const first = watch();
    const second = watch();
    await bench.pass();
    first.controller.abort();
    await bench.pass();
    await set(21);
    expect([second.seen, resource.observerCount]).toEqual([["20", "21"], 1]);
    second.controller.abort();
    await bench.pass();
    expect([resource.observerCount, bench.relay.observationCount]).toEqual([0, 0]);
    const again = watch();
    await bench.pass();
    expect([again.seen, resource.observerCount]).toEqual([["21"], 1]);
  });

  it("keeps the cache fresh with what it hears", async () => {
    const { bench, watch, set } = observed();
    watch();
    await bench.pass();
    await set(21);
    expect((await bench.ask(`${BASE}/temp`)).text()).toBe("21");
  });

  it("passes an error on, which ends it", async () => {
    const { bench, watch, set } = observed();
    const { seen, done } = watch();
    await bench.pass();
    await set(101);
    await done;
    expect([seen, bench.relay.observationCount]).toEqual([["20", "5.03"], 0]);
  });

  it("answers once where the server cannot be observed", async () => {
    const { bench } = observed();
    bench.origin.get("/plain", () => "once");
    const seen: string[] = [];
    const loop = bench.client().observe(`${BASE}/plain`, { proxy: `coap://${PROXY}` });
    const done = (async () => {
      for await (const response of loop) seen.push(response.text());
    })();
    await bench.settle(done);
    expect([seen, bench.relay.observationCount]).toEqual([["once"], 0]);
  });

  it("tells observers when it closes", async () => {
    const { bench, resource, watch } = observed();
    const { seen, done } = watch();
    await bench.pass();
    bench.relay.close(bench.network.now);
    await bench.settle(done);
    await bench.pass();
    expect([seen, resource.observerCount]).toEqual([["20", "5.03"], 0]);
  });
});

describe("a reverse proxy (RFC 7252 5.7.3)", () => {
  it("answers as if it were the server, at paths of its own", async () => {
    const bench = new ProxyBench((relay) => {
      const own = createServer();
      own.mount("/attic", createReverseProxy({ relay, locate: below("/attic", `${BASE}/house`) }));
      own.get("/own", () => "own");
      return own;
    });
    bench.origin.get("/house/*rest", ({ params, query }) => `${params.rest.join("|")}?${query.arguments.join()}`);
    bench.origin.get("/house", () => "house");
    const ask = (path: string) => bench.settle(bench.client().request(`coap://${PROXY}${path}`));
    expect((await ask("/attic/a%2Fb/light?x=1")).text()).toBe("a/b|light?x=1");
    expect((await ask("/attic")).text()).toBe("house");
    expect((await ask("/own")).text()).toBe("own");
    expect((await ask("/other")).status).toBe("4.04");
  });

  it("does not lead out of what it stands for: dot segments are answered 4.00 (RFC 7252 5.10.1)", async () => {
    const bench = new ProxyBench((relay) => {
      const own = createServer();
      own.mount("/attic", createReverseProxy({ relay, locate: below("/attic", `${BASE}/house`) }));
      return own;
    });
    const asked: string[] = [];
    bench.origin.get("/*rest", ({ params }) => {
      asked.push(params.rest.join("/"));
      return "";
    });
    const ask = (...segments: string[]) => {
      const options = segments.map((segment) => [Option.URI_PATH, segment] as const);
      return bench.settle(bench.client().request(`coap://${PROXY}/attic`, { options }));
    };
    expect((await ask("a", "..", "..", "secret")).status).toBe("4.00");
    expect((await ask(".", "a")).status).toBe("4.00");
    // A name that has dots is none.
    expect((await ask("..a", "b...")).status).toBe("2.05");
    expect(asked).toEqual(["house/..a/b..."]);
  });

  it("answers 4.04 for what it cannot locate", async () => {
    const bench = new ProxyBench((relay) => createReverseProxy({ relay, locate: () => undefined }));
    expect((await bench.settle(bench.client().request(`coap://${PROXY}/x`))).status).toBe("4.04");
  });
});
