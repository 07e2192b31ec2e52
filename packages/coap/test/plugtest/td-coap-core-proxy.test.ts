import { describe, expect, test } from "vitest";
import { PlugtestBench } from "./plugtest-bench.js";

// In all of them the client asks a reverse proxy whose cache is empty, and the proxy asks the server (CoAP_CFG_03).
describe("ETSI plug tests: core, through a reverse proxy", () => {
  test("TD_COAP_CORE_24: POST answered with several Location-Path options", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    const answer = bench.ask("/test", { method: "POST", body: "x" });
    const location = "8=6c6f636174696f6e31 8=6c6f636174696f6e32 8=6c6f636174696f6e33";
    await bench.steps('> CON $m1 POST #$t1 /test cf=0 "x"', '>> CON $p1 POST #$u1 /test cf=0 hops=16 "x"');
    await bench.steps(`<< ACK $p1 2.01 #$u1 ${location}`, `< ACK $m1 2.01 #$t1 ${location}`);
    expect((await answer).location).toBe("/location1/location2/location3");
  });

  test("TD_COAP_CORE_25: POST answered with several Location-Query options", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    const answer = bench.ask("/location-query", { method: "POST", body: "x" });
    await bench.steps(
      '> CON $m1 POST #$t1 /location-query cf=0 "x"',
      '>> CON $p1 POST #$u1 /location-query cf=0 hops=16 "x"',
    );
    await bench.steps("<< ACK $p1 2.01 #$u1 *", "< ACK $m1 2.01 #$t1 *");
    expect((await answer).location).toBe("/location-query?first=1&second=2");
  });

  test("TD_COAP_CORE_26: GET with Accept", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    const text = bench.ask("/multi-format", { accept: 0 });
    await bench.steps(
      "> CON $m1 GET #$t1 /multi-format accept=0",
      ">> CON $p1 GET #$u1 /multi-format hops=16 accept=0",
    );
    await bench.steps(
      '<< ACK $p1 2.05 #$u1 cf=0 "plugtest: text/plain"',
      '< ACK $m1 2.05 #$t1 cf=0 "plugtest: text/plain"',
    );
    expect((await text).text()).toBe("plugtest: text/plain");
    // What the cache has of it is of another format.
    const xml = bench.ask("/multi-format", { accept: 41 });
    await bench.steps(
      "> CON $m2 GET #$t2 /multi-format accept=41",
      ">> CON $p2 GET #$u2 /multi-format hops=16 accept=41",
      "<< ACK $p2 2.05 #$u2 cf=41 *",
      "< ACK $m2 2.05 #$t2 cf=41 *",
    );
    expect((await xml).text()).toContain("<format>application/xml</format>");
  });

  test("TD_COAP_CORE_27: PUT with If-Match", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    const first = bench.ask("/validate");
    await bench.steps("> CON $m1 GET #$t1 /validate", ">> CON $p1 GET #$u1 /validate hops=16");
    await bench.steps('<< ACK $p1 2.05 #$u1 etag=$e1 cf=0 max-age=30 "state 0"', "< ACK $m1 2.05 #$t1 etag=$e1 *");
    const { etag = new Uint8Array() } = await first;
    const update = bench.ask("/validate", { method: "PUT", body: "one", ifMatch: [etag] });
    await bench.steps(
      '> CON $m2 PUT #$t2 if-match=$e1 /validate cf=0 "one"',
      '>> CON $p2 PUT #$u2 if-match=$e1 /validate cf=0 hops=16 "one"',
      "<< ACK $p2 2.04 #$u2",
      "< ACK $m2 2.04 #$t2",
    );
    expect((await update).status).toBe("2.04");
    // The state is another one by now.
    const late = bench.ask("/validate", { method: "PUT", body: "two", ifMatch: [etag] });
    await bench.steps(
      '> CON $m3 PUT #$t3 if-match=$e1 /validate cf=0 "two"',
      '>> CON $p3 PUT #$u3 if-match=$e1 /validate cf=0 hops=16 "two"',
      "<< ACK $p3 4.12 #$u3 *",
      "< ACK $m3 4.12 #$t3 *",
    );
    expect((await late).status).toBe("4.12");
    // RFC 7252 5.7.1: what changes a resource takes what the cache has of it.
    const last = bench.ask("/validate");
    await bench.steps("> CON $m4 GET #$t4 /validate", ">> CON $p4 GET #$u4 *", "<< ACK $p4 2.05 #$u4 *", "< ACK $m4 2.05 #$t4 *"); // prettier-ignore
    expect((await last).text()).toBe("one");
  });

  test("TD_COAP_CORE_28: PUT with If-None-Match", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    for (const [count, status] of [
      ["1", "2.01"],
      ["2", "4.12"],
    ] as const) {
      // prettier-ignore
      const answer = bench.ask("/create1", { method: "PUT", body: "x", ifNoneMatch: true });
      await bench.steps(
        `> CON $m${count} PUT #$t${count} 5= /create1 cf=0 "x"`,
        `>> CON $p${count} PUT #$u${count} 5= /create1 cf=0 hops=16 "x"`,
        `<< ACK $p${count} ${status} #$u${count} *`,
        `< ACK $m${count} ${status} #$t${count} *`,
      );
      expect((await answer).status).toBe(status);
    }
  });

  test("TD_COAP_CORE_29: GET of what the cache has, with the Max-Age that is left", async () => {
    const bench = new PlugtestBench({ isProxied: true });
    const first = bench.ask("/validate");
    await bench.steps("> CON $m1 GET #$t1 /validate", ">> CON $p1 GET #$u1 /validate hops=16");
    await bench.steps(
      '<< ACK $p1 2.05 #$u1 etag=$e1 cf=0 max-age=30 "state 0"',
      '< ACK $m1 2.05 #$t1 etag=$e1 cf=0 max-age=30 "state 0"',
    );
    await first;
    await bench.advance(10_000);
    const second = bench.ask("/validate");
    await bench.steps("> CON $m2 GET #$t2 /validate", '< ACK $m2 2.05 #$t2 etag=$e1 cf=0 max-age=20 "state 0"');
    expect((await second).maxAge).toBe(20);
    // What has expired is validated: the server says 2.03, the client gets the body from the cache.
    await bench.advance(21_000);
    const third = bench.ask("/validate");
    await bench.steps("> CON $m3 GET #$t3 /validate", ">> CON $p3 GET #$u3 etag=$e1 /validate hops=16");
    await bench.steps(
      "<< ACK $p3 2.03 #$u3 etag=$e1 max-age=30",
      '< ACK $m3 2.05 #$t3 etag=$e1 cf=0 max-age=30 "state 0"',
    );
    expect((await third).text()).toBe("state 0");
    await bench.silence();
  });
});
