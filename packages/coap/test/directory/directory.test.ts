import { decodeUtf8 } from "@isthmus/bytes";
import * as fc from "fast-check";
import { NEVER, SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { CoapClient, type CoapResponse, connectorOf, type RequestOptions } from "../../src/client/index.js";
import {
  firstComeFirstRemembered,
  lookUpResources,
  parseLookup,
  parseRegistration,
  ResourceDirectory,
  serveDirectory,
  type DirectoryOptions,
  type ServeDirectoryOptions,
} from "../../src/directory/index.js";
import { parseLinks } from "../../src/media/index.js";
import { createServer, UriQuery } from "../../src/server/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import type { Transport } from "../../src/transport/transport.js";

const RD = "2001:db8::1";
/** The payload of RFC 6690 5, sixth exchange. */
const SENSORS =
  '</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",' +
  '</sensors/light>;rt="light-lux";if="sensor",' +
  '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",' +
  '</t>;anchor="/sensors/temp";rel="alternate"';

/** A directory and those who use it, on a network in memory. */
class DirectoryBench {
  readonly network = new MemoryNetwork(() => 1, 1_000_000);
  readonly directory: ResourceDirectory;
  readonly #clientByAddress = new Map<string, CoapClient>();

  constructor(options: Partial<ServeDirectoryOptions> = {}, directory: DirectoryOptions = {}) {
    const now = () => this.network.now;
    const server = createServer({ now });
    this.directory = new ResourceDirectory(directory);
    const transport = this.transport(RD, server);
    const client = new CoapClient({ connector: connectorOf(transport) });
    serveDirectory(server, this.directory, { now, discover: (base) => client.discover(base), ...options });
  }

  transport(address: string, handler?: ReturnType<typeof createServer>): Transport {
    const options = { random: new SeededRandom(address.length), amplification: { isTrusted: () => true } };
    const port = handler === undefined ? 40_000 : 5683;
    const endpoint = this.network.bind({ address, port }, { ...options, ...(handler && { handler }) });
    return { scheme: "coap", endpoint, now: () => this.network.now, close: async () => {} };
  }

  clientAt(address: string): CoapClient {
    const known = this.#clientByAddress.get(address);
    const client = known ?? new CoapClient({ connector: connectorOf(this.transport(address)) });
    this.#clientByAddress.set(address, client);
    return client;
  }

  /** Lets `milliseconds` pass, and the directory's deadlines with them. */
  async pass(milliseconds: number): Promise<void> {
    const until = this.network.now + milliseconds;
    while (this.network.now < until) {
      const next = Math.min(until, Math.max(this.network.now + 1, this.directory.nextDeadline()));
      this.network.run(Math.min(next, this.network.now + 1_000_000));
      if (this.directory.nextDeadline() <= this.network.now) this.directory.handleTimeout(this.network.now);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  async ask(path: string, options: RequestOptions = {}, from = "2001:db8::99"): Promise<CoapResponse> {
    const answer = this.clientAt(from).request(`coap://[${RD}]${path}`, options);
    const state = { isSettled: false };
    const settled = answer.finally(() => {
      state.isSettled = true;
    });
    settled.catch(() => {});
    for (let turn = 0; turn < 200 && !state.isSettled; turn++) await this.pass(10);
    return settled;
  }

  async register(query: string, body = SENSORS, from?: string): Promise<string> {
    const response = await this.ask(`/rd?${query}`, { method: "POST", body, contentFormat: 40 }, from);
    if (!response.ok) throw new Error(String(response));
    return response.location ?? "";
  }

  /** What a lookup finds, a link a line. */
  async lookUp(kind: "ep" | "res", query = "", from?: string): Promise<string[]> {
    const response = await this.ask(`/rd-lookup/${kind}${query && `?${query}`}`, {}, from);
    if (!response.ok) throw new Error(String(response));
    return response.text() === "" ? [] : response.text().split(/,(?=<)/);
  }

  async targets(kind: "ep" | "res", query = "", from?: string): Promise<string[]> {
    return (await this.lookUp(kind, query, from)).map((text) => parseLinks(text)[0]?.target ?? "");
  }
}

describe("discovery (RFC 9176 4.3)", () => {
  it("shows the directory's functions in /.well-known/core", async () => {
    const bench = new DirectoryBench();
    expect((await bench.ask("/.well-known/core?rt=core.rd*")).text()).toBe(
      '</rd>;rt="core.rd";ct=40,</rd-lookup/ep>;rt="core.rd-lookup-ep";ct=40;obs,' +
        '</rd-lookup/res>;rt="core.rd-lookup-res";ct=40;obs',
    );
  });
});

describe("registration (RFC 9176 5)", () => {
  it("of a link gives lookups that link and no other, whatever its attributes say", async () => {
    const bench = new DirectoryBench();
    await bench.register("ep=sly", '</a>;title*="x,<coap://evil/>,<"', "2001:db8::2");
    await bench.register("ep=plain", "</b>", "2001:db8::3");
    const found = parseLinks((await bench.ask("/rd-lookup/res")).text());
    expect(found.map(({ target }) => target)).toEqual(["coap://[2001:db8::2]:40000/a", "coap://[2001:db8::3]:40000/b"]);
  });

  it("takes an endpoint in, and shows its links resolved against where it came from", async () => {
    const bench = new DirectoryBench();
    expect(await bench.register("ep=node1")).toBe("/rd/1");
    const base = "coap://[2001:db8::99]:40000";
    expect(await bench.lookUp("res")).toEqual([
      `<${base}/sensors>;ct=40;title="Sensor Index"`,
      `<${base}/sensors/temp>;rt="temperature-c";if="sensor"`,
      `<${base}/sensors/light>;rt="light-lux";if="sensor"`,
      `<http://www.example.com/sensors/t123>;anchor="${base}/sensors/temp";rel="describedby"`,
      `<${base}/t>;anchor="${base}/sensors/temp";rel="alternate"`,
    ]);
    expect(await bench.lookUp("ep")).toEqual([`</rd/1>;base="${base}";ep="node1";rt="core.rd-ep"`]);
  });

  it("takes a base, a sector and other attributes, for whoever registers", async () => {
    const bench = new DirectoryBench();
    await bench.register(
      "ep=node7&d=floor-3&base=coap%3A%2F%2F[2001:db8:3::129]:61616&et=oic.d.sensor&et=other",
      "</a>",
    );
    expect(await bench.lookUp("ep")).toEqual([
      '</rd/1>;base="coap://[2001:db8:3::129]:61616";ep="node7";d="floor-3";et="oic.d.sensor";et="other";rt="core.rd-ep"',
    ]);
    expect(await bench.lookUp("res")).toEqual(["<coap://[2001:db8:3::129]:61616/a>"]);
  });

  it("replaces what is registered under the same name, at the same location", async () => {
    const bench = new DirectoryBench();
    const first = await bench.register("ep=node1&et=old", "</a>");
    const other = await bench.register("ep=node1&d=attic", "</b>");
    const again = await bench.register("ep=node1", "</c>");
    expect([first, other, again]).toEqual(["/rd/1", "/rd/2", "/rd/1"]);
    expect((await bench.targets("res")).map((uri) => uri.slice(-2))).toEqual(["/c", "/b"]);
    expect(await bench.targets("ep", "et=old")).toEqual([]);
  });

  it.each([
    ["", "the endpoint name ep is missing"],
    ["ep=", "the endpoint name ep is missing"],
    [`ep=${"x".repeat(64)}`, "ep is longer than 63 bytes"],
    [`ep=${"ä".repeat(32)}`, "ep is longer than 63 bytes"],
    ["ep=a%07b", "ep has a control character"],
    [`ep=a&d=${"x".repeat(64)}`, "d is longer than 63 bytes"],
    ["ep=a&lt=0", "is not from 1 to 4294967295"],
    ["ep=a&lt=4294967296", "is not from 1 to 4294967295"],
    ["ep=a&lt=1h", "is not from 1 to 4294967295"],
    ["ep=a&base=/x", "is not a URI with an authority"],
    ["ep=a&base=coap://x?y", "is not a URI with an authority"],
    ["ep=a&base=coap://[fe80::1%2525eth0]", "has a zone"],
    ["ep=a&rt=x", "cannot be an attribute"],
    ["ep=a&sp%20ace=x", "cannot be an attribute"],
  ])("answers 4.00 to ?%s", async (query, message) => {
    const bench = new DirectoryBench();
    const response = await bench.ask(`/rd?${query}`, { method: "POST", body: "</a>", contentFormat: 40 });
    expect([response.status, response.text()]).toEqual(["4.00", expect.stringContaining(message)]);
    expect(bench.directory.size).toBe(0);
  });

  it("refuses payloads that are no links", async () => {
    const bench = new DirectoryBench();
    const post = async (body: string, contentFormat: number) =>
      (await bench.ask("/rd?ep=a", { method: "POST", body: new TextEncoder().encode(body), contentFormat })).status;
    expect([await post("</a", 40), await post("[]", 50)]).toEqual(["4.00", "4.15"]);
  });

  it("needs a base of whom nobody else can reach", () => {
    const directory = new ResourceDirectory();
    const registrant = { source: undefined, address: "192.0.2.1" };
    const register = (query: string[]) => directory.register(0, parseRegistration(new UriQuery(query)), registrant, []);
    expect(() => register(["ep=a"])).toThrow("the base is missing");
    expect(register(["ep=a", "base=coap+tcp://a.example"]).base).toBe("coap+tcp://a.example");
  });

  it("has bounds", async () => {
    const bench = new DirectoryBench({}, { maxRegistrations: 1, maxLinks: 2 });
    const post = async (query: string, body: string) =>
      (await bench.ask(`/rd?${query}`, { method: "POST", body, contentFormat: 40 })).status;
    expect([
      await post("ep=a", "</1>,</2>,</3>"),
      await post("ep=a", "</1>,</2>"),
      await post("ep=b", "</1>"),
      await post("ep=a", "</1>"),
    ]).toEqual(["4.13", "2.01", "5.03", "2.01"]);
  });

  it("bounds the links of all registrations, and the bytes of one", async () => {
    const bench = new DirectoryBench({}, { maxTotalLinks: 3, maxRegistrationBytes: 20 });
    const post = async (query: string, body: string) =>
      (await bench.ask(`/rd?${query}`, { method: "POST", body, contentFormat: 40 })).status;
    expect([
      await post("ep=a", "</1>,</2>"),
      await post("ep=b", "</1>,</2>"),
      await post("ep=b", "</1>"),
      await post("ep=a", "</1>,</2>,</3>"),
      await post("ep=a", "</1>"),
      await post("ep=b", "</1>,</2>"),
      await post("ep=b", "</a-longer-path-than-that>"),
    ]).toEqual(["2.01", "5.03", "2.01", "5.03", "2.01", "2.01", "4.13"]);
    await bench.pass(200_000_000);
    expect(await post("ep=c", "</1>,</2>,</3>")).toBe("2.01");
  });
});

describe("what becomes of a registration (RFC 9176 5.3)", () => {
  it("is over after its lifetime, 25 hours if none is said", async () => {
    const bench = new DirectoryBench();
    await bench.register("ep=short&lt=60", "</a>");
    await bench.register("ep=long", "</b>");
    await bench.pass(59_000);
    expect(await bench.targets("ep")).toEqual(["/rd/1", "/rd/2"]);
    await bench.pass(2_000);
    expect(await bench.targets("ep")).toEqual(["/rd/2"]);
    await bench.pass(90_000_000 - 70_000);
    expect(await bench.targets("ep")).toEqual(["/rd/2"]);
    await bench.pass(10_000);
    expect(await bench.targets("ep")).toEqual([]);
  });

  it("is renewed by an update, for the same lifetime or another", async () => {
    const bench = new DirectoryBench();
    const location = await bench.register("ep=a&lt=60", "</a>");
    await bench.pass(50_000);
    expect((await bench.ask(location, { method: "POST" })).status).toBe("2.04");
    await bench.pass(50_000);
    expect(await bench.targets("ep")).toEqual(["/rd/1"]);
    await bench.ask(`${location}?lt=120`, { method: "POST" });
    await bench.pass(110_000);
    expect(await bench.targets("ep")).toEqual(["/rd/1"]);
    await bench.pass(11_000);
    expect(await bench.targets("ep")).toEqual([]);
  });

  it("comes back by an update for a while after it expired, and is forgotten then", async () => {
    const bench = new DirectoryBench({}, { retentionMs: 100_000 });
    const location = await bench.register("ep=a&lt=60", "</a>");
    await bench.pass(100_000);
    expect(await bench.targets("res")).toEqual([]);
    expect((await bench.ask(location, { method: "POST" })).status).toBe("2.04");
    expect(await bench.targets("res")).toHaveLength(1);
    await bench.pass(170_000);
    expect((await bench.ask(location, { method: "POST" })).status).toBe("4.04");
    expect([bench.directory.size, bench.directory.nextDeadline()]).toEqual([0, NEVER]);
  });

  it("takes another base, against which its links are resolved anew", async () => {
    const bench = new DirectoryBench();
    const location = await bench.register("ep=endpoint1&lt=500&base=coap://local-proxy-old.example.com:5683");
    await bench.ask(`${location}?base=coaps://new.example.com:5684`, { method: "POST" });
    expect((await bench.lookUp("res"))[4]).toBe(
      '<coaps://new.example.com:5684/t>;anchor="coaps://new.example.com:5684/sensors/temp";rel="alternate"',
    );
  });

  it("follows the address of who updates it, where it said no base", async () => {
    const bench = new DirectoryBench();
    const location = await bench.register("ep=a", "</a>", "2001:db8::50");
    await bench.ask(location, { method: "POST" }, "2001:db8::51");
    expect(await bench.targets("res")).toEqual(["coap://[2001:db8::51]:40000/a"]);
  });

  it("changes attributes that are named again, and keeps the others", async () => {
    const bench = new DirectoryBench();
    const location = await bench.register("ep=a&et=x&et=y&z=1", "</a>");
    await bench.ask(`${location}?et=w`, { method: "POST" });
    expect((await bench.lookUp("ep"))[0]).toMatch(/;et="w";z=1;/);
    expect((await bench.ask(`${location}?ep=b`, { method: "POST" })).status).toBe("4.00");
    expect((await bench.ask(location, { method: "POST", body: "x" })).status).toBe("4.00");
  });

  it("is removed by DELETE, and shown by GET", async () => {
    const bench = new DirectoryBench();
    const location = await bench.register("ep=a", "</a>;obs");
    expect((await bench.ask(location)).text()).toBe("</a>;obs");
    expect((await bench.ask(location, { method: "DELETE" })).status).toBe("2.02");
    expect((await bench.ask(location, { method: "DELETE" })).status).toBe("4.04");
    expect(await bench.targets("ep")).toEqual([]);
  });

  it("belongs to who came first, where that is the policy (RFC 9176 7.5)", async () => {
    const bench = new DirectoryBench({ allow: firstComeFirstRemembered });
    const location = await bench.register("ep=a&lt=60", "</a>", "2001:db8::50");
    const thief = "2001:db8::66";
    const status = async (path: string, options: RequestOptions) => (await bench.ask(path, options, thief)).status;
    expect(await status("/rd?ep=a", { method: "POST", body: "</evil>", contentFormat: 40 })).toBe("4.03");
    expect(await status(location, { method: "POST" })).toBe("4.03");
    expect(await status(location, { method: "DELETE" })).toBe("4.03");
    expect((await bench.ask(location, { method: "POST" }, "2001:db8::50")).status).toBe("2.04");
    await bench.pass(61_000);
    expect(await status("/rd?ep=a", { method: "POST", body: "</b>", contentFormat: 40 })).toBe("2.01");
  });
});

describe("simple registration (RFC 9176 5.1)", () => {
  async function simple(options: Partial<ServeDirectoryOptions> = {}) {
    const bench = new DirectoryBench(options);
    const device = createServer({ now: () => bench.network.now });
    device.get("/sen/temp", () => 1, { attributes: { rt: "temperature" } });
    // The device asks from the port that it serves.
    const client = new CoapClient({ connector: connectorOf(bench.transport("2001:db8::77", device)) });
    const post = async (query: string): Promise<string> => {
      const answer = client.request(`coap://[${RD}]/.well-known/core?${query}`, { method: "POST" });
      const state = { isSettled: false };
      void answer.finally(() => {
        state.isSettled = true;
      });
      for (let turn = 0; turn < 200 && !state.isSettled; turn++) await bench.pass(10);
      return String(await answer);
    };
    return { bench, post };
  }

  it("fetches the links from whom it hears, and answers 2.04", async () => {
    const { bench, post } = await simple();
    expect(await post("ep=node1&lt=60")).toBe("2.04 Changed");
    expect(await bench.lookUp("res")).toEqual(['<coap://[2001:db8::77]/sen/temp>;rt="temperature"']);
    await bench.pass(61_000);
    expect([await bench.targets("ep"), bench.directory.size]).toEqual([[], 0]);
  });

  it("takes no base", async () => {
    const { post } = await simple();
    expect(await post("ep=node1&base=coap://x")).toBe("4.00 Bad Request: simple registration has no base");
  });

  it("says when the endpoint does not show its links", async () => {
    const { post } = await simple({ discover: () => Promise.reject(new Error("no answer")) });
    expect(await post("ep=node1")).toBe("5.02 Bad Gateway: the endpoint does not show its links");
  });
});

describe("lookup (RFC 9176 6)", () => {
  async function house(): Promise<DirectoryBench> {
    const bench = new DirectoryBench();
    await bench.register("ep=sensor1&et=oic.d.sensor&base=coap://sensor1.example.com");
    await bench.register("ep=sensor2&et=oic.d.sensor&base=coap://sensor2.example.com&d=attic");
    await bench.register("ep=lamp&et=oic.d.light&base=coap://lamp.example.com", '</on>;if="core.a oic.if"');
    return bench;
  }

  it.each<[query: string, resources: readonly string[]]>([
    ["rt=light-lux", ["coap://sensor1.example.com/sensors/light", "coap://sensor2.example.com/sensors/light"]],
    ["rt=light*&ep=sensor2", ["coap://sensor2.example.com/sensors/light"]],
    ["d=attic&rt=temperature-c", ["coap://sensor2.example.com/sensors/temp"]],
    ["et=oic.d.light", ["coap://lamp.example.com/on"]],
    ["if=core.a", ["coap://lamp.example.com/on"]],
    ["href=coap://lamp.example.com/on", ["coap://lamp.example.com/on"]],
    ["href=/rd/3", ["coap://lamp.example.com/on"]],
    ["href=/on", []],
    ["anchor=coap://sensor1.example.com/sensors/temp&rel=alternate", ["coap://sensor1.example.com/t"]],
    ["base=coap://lamp*", ["coap://lamp.example.com/on"]],
    ["ep=nobody", []],
    ["rt=light-lux&if=core.a", []],
  ])("finds resources by %s", async (query, resources) => {
    expect(await (await house()).targets("res", query)).toEqual(resources);
  });

  it.each<[query: string, endpoints: readonly string[]]>([
    ["", ["/rd/1", "/rd/2", "/rd/3"]],
    ["et=oic.d.sensor", ["/rd/1", "/rd/2"]],
    ["d=attic", ["/rd/2"]],
    ["rt=light-lux&ep=sensor2", ["/rd/2"]],
    ["if=core.a", ["/rd/3"]],
    ["rt=core.rd-ep", ["/rd/1", "/rd/2", "/rd/3"]],
    ["href=/rd/3", ["/rd/3"]],
    ["href=coap://lamp.example.com/on", ["/rd/3"]],
    // Each criterion is met, by one link or another.
    ["rt=light-lux&rel=alternate", ["/rd/1", "/rd/2"]],
  ])("finds endpoints by %s", async (query, endpoints) => {
    expect(await (await house()).targets("ep", query)).toEqual(endpoints);
  });

  it("shows pages", async () => {
    const bench = new DirectoryBench();
    await bench.register("ep=a&base=coap://a", Array.from({ length: 12 }, (_, index) => `</res/${index}>`).join());
    const page = async (query: string) => (await bench.targets("res", query)).map((uri) => Number(uri.slice(13)));
    expect(await page("page=0&count=5")).toEqual([0, 1, 2, 3, 4]);
    expect(await page("page=2&count=5")).toEqual([10, 11]);
    expect(await page("count=3")).toEqual([0, 1, 2]);
    expect(await page("page=7&count=5")).toEqual([]);
    expect((await bench.ask("/rd-lookup/res?page=1")).status).toBe("4.00");
    expect((await bench.ask("/rd-lookup/res?count=x")).status).toBe("4.00");
  });

  it("finds groups, which are endpoints with a multicast base (RFC 9176 appendix A)", async () => {
    const bench = new DirectoryBench();
    await bench.register("ep=lights&et=core.rd-group&base=coap://[ff35:30:2001:db8:f1::8000:1]", '</light>;rt="light"');
    await bench.register("ep=lamp1", '</light>;rt="light"');
    expect(await bench.lookUp("ep", "et=core.rd-group")).toEqual([
      '</rd/1>;base="coap://[ff35:30:2001:db8:f1::8000:1]";ep="lights";et="core.rd-group";rt="core.rd-ep"',
    ]);
    expect(await bench.targets("res", "ep=lights")).toEqual(["coap://[ff35:30:2001:db8:f1::8000:1]/light"]);
  });

  it("shows what is at a link-local address on that link alone, without its zone (RFC 9176 6.1)", async () => {
    const bench = new DirectoryBench();
    await bench.register("ep=near", "</a>", "fe80::7%eth0");
    expect(await bench.targets("res", "", "fe80::8%eth0")).toEqual(["coap://[fe80::7]:40000/a"]);
    expect(await bench.targets("res", "", "fe80::8%eth1")).toEqual([]);
    expect(await bench.targets("ep")).toEqual([]);
  });

  it("can be observed: each change that matters is told", async () => {
    const bench = new DirectoryBench();
    const seen: string[] = [];
    const loop = bench.clientAt("2001:db8::99").observe(`coap://[${RD}]/rd-lookup/res?rt=light`);
    void (async () => {
      for await (const { payload } of loop) seen.push(decodeUtf8(payload));
    })();
    await bench.pass(100);
    const location = await bench.register("ep=a&base=coap://a&lt=600", '</west>;rt="light",</x>;rt="other"');
    await bench.ask(`${location}?lt=60`, { method: "POST" });
    await bench.pass(100);
    // What has nothing to do with the query is not told.
    await bench.register("ep=other&base=coap://other", "</y>");
    await bench.pass(100);
    await bench.ask(`${location}?base=coap://b`, { method: "POST" });
    await bench.pass(61_000);
    expect(seen).toEqual(["", '<coap://a/west>;rt="light"', '<coap://b/west>;rt="light"', ""]);
    await loop.return?.();
  });
});

describe("the directory as a machine", () => {
  it("comes to rest whatever is registered, updated and removed, and never shows what expired", () => {
    const step = fc.record({
      action: fc.constantFrom("register", "update", "remove", "wait"),
      ep: fc.constantFrom("a", "b", "c"),
      seconds: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const directory = new ResourceDirectory({ retentionMs: 30_000 });
        const expiresAt = new Map<string, number>();
        const listed = new Set<string>();
        directory.addListener({
          handleRegistered: ({ ep }) => listed.add(ep),
          handleGone: ({ ep }) => listed.delete(ep),
        });
        const registrant = { source: "coap://a", address: "a" };
        let now = 0;
        for (const { action, ep, seconds } of steps) {
          const id = directory.findByName(ep)?.id;
          const parameters = parseRegistration(new UriQuery([`ep=${ep}`, `lt=${seconds}`]));
          if (action === "register") directory.register(now, parameters, registrant, parseLinks(`</${ep}>`));
          else if (action === "update" && id !== undefined) directory.update(now, id, parameters, registrant);
          else if (action === "remove" && id !== undefined) directory.remove(id);
          else if (action === "wait") now += seconds * 1_000;
          if (action === "register" || (action === "update" && id !== undefined))
            expiresAt.set(ep, now + seconds * 1_000);
          if (action === "remove") expiresAt.delete(ep);
          directory.handleTimeout(now);
          const alive = [...expiresAt].filter(([, at]) => at > now).map(([name]) => `coap://a/${name}`);
          const found = lookUpResources(now, directory, parseLookup(new UriQuery([])));
          expect(found.map(({ target }) => target).toSorted()).toEqual(alive.toSorted());
          expect([...listed].map((name) => `coap://a/${name}`).toSorted()).toEqual(alive.toSorted());
        }
        directory.handleTimeout(now + 10_000_000);
        expect([directory.size, directory.nextDeadline(), listed.size]).toEqual([0, NEVER, 0]);
      }),
    );
  });
});

describe("a directory that was kept", () => {
  it("is restored with the same locations, what each endpoint has said, and what is left of the lifetimes", async () => {
    const before = new DirectoryBench();
    await before.register("ep=gone&lt=60", "</x>");
    const location = await before.register("ep=a&d=hall&lt=600&et=sensor&base=coap://a", '</temp>;rt="t"');
    await before.ask("/rd/1", { method: "DELETE" });
    const registration = before.directory.findByName("a", "hall");
    if (registration === undefined) throw new Error("not registered");
    const record = structuredClone(registration.record);

    const after = new DirectoryBench();
    const seen: string[] = [];
    after.directory.addListener({
      handleRegistered: ({ ep }) => seen.push(ep),
      handleGone: ({ ep }) => seen.push(`-${ep}`),
    });
    after.directory.restore(record, after.network.now + 50_000);
    const [lookUp, was] = await Promise.all([after, before].map((bench) => bench.ask("/rd-lookup/res?et=sensor")));
    expect(lookUp?.text()).toBe(was?.text());
    expect((await after.ask(`${location}?lt=100`, { method: "POST" })).status).toBe("2.04");
    expect(await after.register("ep=next", "</y>")).toBe("/rd/3");
    await after.pass(101_000);
    expect(seen).toEqual(["a", "next", "-a"]);
    expect(() => after.directory.restore(record, 50_000)).toThrow(RangeError);
  });
});

describe("a policy", () => {
  it("may take its time, and arguments of its own, which nobody else sees", async () => {
    const bench = new DirectoryBench({
      policyArguments: ["token"],
      allow: async (_, { query }, ep) => {
        await Promise.resolve();
        return query.get("token") === `secret of ${ep}`;
      },
    });
    const register = (query: string) => bench.ask(`/rd?${query}`, { method: "POST", body: "</x>", contentFormat: 40 });
    expect((await register("ep=a&base=coap://a&token=no")).status).toBe("4.03");
    expect((await register("ep=a&base=coap://a&token=secret%20of%20a")).status).toBe("2.01");
    expect((await bench.ask("/rd-lookup/ep")).text()).not.toContain("secret");
    expect((await bench.ask("/rd/1", { method: "DELETE" })).status).toBe("4.03");
    expect((await bench.ask("/rd/1?token=secret%20of%20a", { method: "DELETE" })).status).toBe("2.02");
  });
});
