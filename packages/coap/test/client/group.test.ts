import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { CoapClient, connectorOf } from "../../src/client/index.js";
import { formatLinks } from "../../src/media/index.js";
import { type CoapServer, createServer } from "../../src/server/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";

const GROUP = "224.0.1.187";

/** A client, and servers that are members of All CoAP Nodes, on a network in memory. */
class GroupBench {
  readonly network = new MemoryNetwork((_, now) => (now % 3) + 1);
  readonly client: CoapClient;

  constructor(servers: readonly CoapServer[]) {
    servers.forEach((handler, index) => {
      const member = { address: `192.0.2.${index + 1}`, port: 5683 };
      this.network.bind(member, { handler, random: new SeededRandom(index), amplification: { isTrusted: () => true } });
      this.network.join({ address: GROUP, port: 5683 }, member);
    });
    const address = { address: "192.0.2.100", port: 40_000 };
    const endpoint = this.network.bind(address, { random: new SeededRandom(100) });
    const transport = { scheme: "coap", endpoint, now: () => this.network.now, close: async () => {} };
    this.client = new CoapClient({ connector: connectorOf(transport) });
  }

  /** All that a loop yields, while the network runs. */
  async gather<T>(loop: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    const done = (async () => {
      for await (const item of loop) found.push(item);
    })();
    const state = { isDone: false };
    void done.finally(() => {
      state.isDone = true;
    });
    for (let turn = 0; turn < 200 && !state.isDone; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.network.runFor(1_000);
    }
    await done;
    return found;
  }
}

function serverWith(name: string, type: string): CoapServer {
  const server = createServer();
  server.get("/name", () => name);
  server.get("/thing", () => 1, { attributes: { rt: type } });
  return server;
}

describe("a request to a group (RFC 7252 8)", () => {
  it("yields one response from each member, and ends when the time for them is over", async () => {
    const bench = new GroupBench(["a", "b", "c"].map((name) => serverWith(name, "x")));
    const responses = await bench.gather(bench.client.requestGroup(`coap://${GROUP}/name`));
    expect(responses.map((response) => `${response.peer.address} ${response.text()}`).toSorted()).toEqual([
      "192.0.2.1 a",
      "192.0.2.2 b",
      "192.0.2.3 c",
    ]);
  });

  it("yields no errors, which members keep back", async () => {
    const bench = new GroupBench([serverWith("a", "x"), createServer()]);
    const responses = await bench.gather(bench.client.requestGroup(`coap://${GROUP}/name`));
    expect(responses.map((response) => response.text())).toEqual(["a"]);
  });

  it("fetches the rest of a large response from its sender alone", async () => {
    const large = createServer();
    large.get("/name", () => "x".repeat(3_000));
    const bench = new GroupBench([large, serverWith("small", "x")]);
    const responses = await bench.gather(bench.client.requestGroup(`coap://${GROUP}/name`));
    expect(responses.map(({ payload }) => payload.length).toSorted((a, b) => a - b)).toEqual([5, 3_000]);
  });

  it("discovers who has what", async () => {
    const bench = new GroupBench([serverWith("a", "light"), serverWith("b", "door"), serverWith("c", "light")]);
    const found = await bench.gather(bench.client.discoverGroup(`coap://${GROUP}`, { query: ["rt=light"] }));
    expect(found.map(({ peer, links }) => `${peer.address} ${formatLinks(links)}`).toSorted()).toEqual([
      '192.0.2.1 </thing>;rt="light"',
      '192.0.2.3 </thing>;rt="light"',
    ]);
  });

  it("can be left early", async () => {
    const bench = new GroupBench(["a", "b"].map((name) => serverWith(name, "x")));
    const first = bench.gather(
      (async function* () {
        for await (const response of bench.client.requestGroup(`coap://${GROUP}/name`)) {
          yield response.text();
          return;
        }
      })(),
    );
    expect(await first).toHaveLength(1);
  });
});
