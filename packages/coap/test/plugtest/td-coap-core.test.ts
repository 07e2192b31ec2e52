import { describe, expect, test } from "vitest";
import { Option } from "../../src/codec/index.js";
import { PlugtestBench } from "./plugtest-bench.js";

/** The values of an option that may be repeated, as text. */
function texts(options: { texts(number: number): string[] }, number: number): string[] {
  return options.texts(number);
}

describe("ETSI plug tests: core", () => {
  test("TD_COAP_CORE_01: GET, CON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test");
    await bench.steps(
      "> CON $cmid GET #$ctok /test", //
      '< ACK $cmid 2.05 #$ctok cf=0 "the default resource of the plug tests"',
    );
    expect((await answer).text()).toBe("the default resource of the plug tests");
    await bench.silence();
  });

  test("TD_COAP_CORE_02: DELETE, CON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { method: "DELETE" });
    await bench.steps("> CON $cmid DELETE #$ctok /test", "< ACK $cmid 2.02 #$ctok");
    expect((await answer).status).toBe("2.02");
  });

  test("TD_COAP_CORE_03: PUT, CON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { method: "PUT", body: "new" });
    await bench.steps('> CON $cmid PUT #$ctok /test cf=0 "new"', "< ACK $cmid 2.04 #$ctok");
    expect((await answer).status).toBe("2.04");
  });

  test("TD_COAP_CORE_04: POST, CON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { method: "POST", body: "new" });
    await bench.steps('> CON $cmid POST #$ctok /test cf=0 "new"', "< ACK $cmid 2.01 #$ctok *");
    expect((await answer).location).toBe("/location1/location2/location3");
  });

  test("TD_COAP_CORE_05: GET, NON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { isConfirmable: false });
    await bench.steps("> NON $cmid GET #$ctok /test", "< NON $smid 2.05 #$ctok cf=0 *");
    expect((await answer).text()).toBe("the default resource of the plug tests");
  });

  test.each([
    ["TD_COAP_CORE_06", "DELETE", "2.02"],
    ["TD_COAP_CORE_07", "PUT", "2.04"],
    ["TD_COAP_CORE_08", "POST", "2.01"],
  ] as const)("%s: %s, NON mode", async (_, method, status) => {
    const bench = new PlugtestBench();
    const body = method === "DELETE" ? {} : { body: "x" };
    const answer = bench.ask("/test", { method, isConfirmable: false, ...body });
    const rest = method === "DELETE" ? "" : ' cf=0 "x"';
    await bench.steps(`> NON $cmid ${method} #$ctok /test${rest}`, `< NON $smid ${status} #$ctok *`);
    expect((await answer).status).toBe(status);
  });

  test("TD_COAP_CORE_09: GET with separate response, CON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/separate");
    await bench.steps("> CON $cmid GET #$ctok /separate");
    await bench.advance(1_000);
    await bench.steps("< ACK $cmid");
    await bench.advance(2_000);
    await bench.steps('< CON $smid 2.05 #$ctok cf=0 "GET /separate"', "> ACK $smid");
    expect((await answer).text()).toBe("GET /separate");
    await bench.silence();
  });

  test("TD_COAP_CORE_10: GET with a token", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test");
    await bench.steps("> CON $cmid GET #$ctok /test", "< ACK $cmid 2.05 #$ctok *");
    expect(bench.bound("ctok").length / 2).toBeGreaterThanOrEqual(1);
    expect(bench.bound("ctok").length / 2).toBeLessThanOrEqual(8);
    expect((await answer).ok).toBe(true);
  });

  test("TD_COAP_CORE_11: GET with a token and a separate response", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/separate");
    await bench.steps("> CON $cmid GET #$ctok /separate");
    await bench.advance(1_000);
    await bench.steps("< ACK $cmid");
    await bench.advance(2_000);
    await bench.steps("< CON $smid 2.05 #$ctok *", "> ACK $smid");
    expect(bench.bound("ctok")).toMatch(/^([0-9a-f]{2}){1,8}$/);
    expect((await answer).ok).toBe(true);
  });

  test("TD_COAP_CORE_12: GET with an empty token", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { token: new Uint8Array(0) });
    await bench.steps("> CON $cmid GET /test", "< ACK $cmid 2.05 cf=0 *");
    expect((await answer).text()).toBe("the default resource of the plug tests");
  });

  test("TD_COAP_CORE_13: GET with several Uri-Path options", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/seg1/seg2/seg3");
    await bench.steps(
      "> CON $cmid GET #$ctok /seg1/seg2/seg3", //
      '< ACK $cmid 2.05 #$ctok cf=0 "GET /seg1/seg2/seg3"',
    );
    expect((await answer).ok).toBe(true);
  });

  test("TD_COAP_CORE_14: GET with several Uri-Query options", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/query?first=1&second=2&third=3");
    await bench.steps(
      "> CON $cmid GET #$ctok /query ?first=1 ?second=2 ?third=3",
      '< ACK $cmid 2.05 #$ctok cf=0 "GET /query?first=1&second=2&third=3"',
    );
    expect((await answer).ok).toBe(true);
  });

  test("TD_COAP_CORE_15: GET in a lossy context, piggybacked response", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test");
    await bench.lose("> CON $cmid GET #$ctok /test");
    await bench.advance(5_000);
    await bench.steps("> CON $cmid GET #$ctok /test");
    await bench.lose("< ACK $cmid 2.05 #$ctok *");
    await bench.advance(10_000);
    await bench.steps("> CON $cmid GET #$ctok /test", "< ACK $cmid 2.05 #$ctok *");
    expect((await answer).ok).toBe(true);
    await bench.silence(5_000);
  });

  test("TD_COAP_CORE_16: GET in a lossy context, delayed response", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/separate");
    await bench.lose("> CON $cmid GET #$ctok /separate");
    await bench.advance(5_000);
    await bench.steps("> CON $cmid GET #$ctok /separate");
    await bench.advance(1_000);
    await bench.lose("< ACK $cmid");
    await bench.advance(2_000);
    await bench.lose("< CON $smid 2.05 #$ctok *");
    await bench.advance(3_000);
    await bench.steps("< CON $smid 2.05 #$ctok *");
    // Its arrival stands for the acknowledgement that was lost: the request is not sent again.
    await bench.lose("> ACK $smid");
    await bench.advance(10_000);
    await bench.steps("< CON $smid 2.05 #$ctok *", "> ACK $smid");
    expect((await answer).text()).toBe("GET /separate");
    await bench.silence(60_000);
  });

  test("TD_COAP_CORE_17: GET with separate response, NON mode", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/separate", { isConfirmable: false });
    await bench.steps("> NON $cmid GET #$ctok /separate");
    await bench.silence(1_000);
    await bench.advance(2_000);
    await bench.steps("< NON $smid 2.05 #$ctok cf=0 *");
    expect((await answer).ok).toBe(true);
  });

  test("TD_COAP_CORE_18: POST answered with several Location-Path options", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/test", { method: "POST", body: "x" });
    await bench.steps('> CON $cmid POST #$ctok /test cf=0 "x"', "< ACK $cmid 2.01 #$ctok *");
    const response = await answer;
    expect(texts(response.options, Option.LOCATION_PATH)).toEqual(["location1", "location2", "location3"]);
  });

  test("TD_COAP_CORE_19: POST answered with several Location-Query options", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/location-query", { method: "POST", body: "x" });
    await bench.steps('> CON $cmid POST #$ctok /location-query cf=0 "x"', "< ACK $cmid 2.01 #$ctok *");
    const response = await answer;
    expect(texts(response.options, Option.LOCATION_QUERY)).toEqual(["first=1", "second=2"]);
  });

  test("TD_COAP_CORE_20: GET with Accept", async () => {
    const bench = new PlugtestBench();
    const text = bench.ask("/multi-format", { accept: 0 });
    await bench.steps(
      "> CON $m1 GET #$t1 /multi-format accept=0", //
      '< ACK $m1 2.05 #$t1 cf=0 "plugtest: text/plain"',
    );
    const xml = bench.ask("/multi-format", { accept: 41 });
    await bench.steps("> CON $m2 GET #$t2 /multi-format accept=41", "< ACK $m2 2.05 #$t2 cf=41 *");
    expect((await text).text()).toBe("plugtest: text/plain");
    expect((await xml).text()).toBe("<plugtest><format>application/xml</format></plugtest>");
    const none = bench.ask("/multi-format", { accept: 50 });
    await bench.steps("> CON $m3 GET #$t3 /multi-format accept=50", "< ACK $m3 4.06 #$t3 *");
    expect((await none).status).toBe("4.06");
  });

  test("TD_COAP_CORE_21: GET with ETag", async () => {
    const bench = new PlugtestBench();
    const first = bench.ask("/validate");
    await bench.steps("> CON $m1 GET #$t1 /validate", '< ACK $m1 2.05 #$t1 etag=$etag1 cf=0 max-age=30 "state 0"');
    const { etag = new Uint8Array() } = await first;
    const second = bench.ask("/validate", { etags: [etag] });
    await bench.steps("> CON $m2 GET #$t2 etag=$etag1 /validate", "< ACK $m2 2.03 #$t2 etag=$etag1 max-age=30");
    expect((await second).payload).toHaveLength(0);
    const update = bench.ask("/validate", { method: "PUT", body: "state 1" });
    await bench.steps('> CON $m3 PUT #$t3 /validate cf=0 "state 1"', "< ACK $m3 2.04 #$t3");
    await update;
    const third = bench.ask("/validate", { etags: [etag] });
    await bench.steps(
      "> CON $m4 GET #$t4 etag=$etag1 /validate",
      '< ACK $m4 2.05 #$t4 etag=$etag2 cf=0 max-age=30 "state 1"',
    );
    expect(bench.bound("etag2")).not.toBe(bench.bound("etag1"));
    expect((await third).text()).toBe("state 1");
  });

  test("TD_COAP_CORE_22: PUT with If-Match", async () => {
    const bench = new PlugtestBench();
    const read = bench.ask("/validate");
    await bench.steps("> CON $m1 GET #$t1 /validate", "< ACK $m1 2.05 #$t1 etag=$etag1 cf=0 max-age=30 *");
    const { etag: etag1 = new Uint8Array() } = await read;
    const update = bench.ask("/validate", { method: "PUT", body: "one", ifMatch: [etag1] });
    await bench.steps('> CON $m2 PUT #$t2 if-match=$etag1 /validate cf=0 "one"', "< ACK $m2 2.04 #$t2");
    await update;
    const again = bench.ask("/validate");
    await bench.steps("> CON $m3 GET #$t3 /validate", '< ACK $m3 2.05 #$t3 etag=$etag2 cf=0 max-age=30 "one"');
    const { etag: etag2 = new Uint8Array() } = await again;
    const other = bench.ask("/validate", { method: "PUT", body: "two" });
    await bench.steps('> CON $m4 PUT #$t4 /validate cf=0 "two"', "< ACK $m4 2.04 #$t4");
    await other;
    const late = bench.ask("/validate", { method: "PUT", body: "three", ifMatch: [etag2] });
    await bench.steps('> CON $m5 PUT #$t5 if-match=$etag2 /validate cf=0 "three"', "< ACK $m5 4.12 #$t5 *");
    expect((await late).status).toBe("4.12");
    const last = bench.ask("/validate");
    await bench.steps("> CON $m6 GET #$t6 /validate", "< ACK $m6 2.05 #$t6 *");
    expect((await last).text()).toBe("two");
  });

  test("TD_COAP_CORE_23: PUT with If-None-Match", async () => {
    const bench = new PlugtestBench();
    const create = bench.ask("/create1", { method: "PUT", body: "x", ifNoneMatch: true });
    // 5 is If-None-Match, whose value is empty.
    await bench.steps('> CON $m1 PUT #$t1 5= /create1 cf=0 "x"', "< ACK $m1 2.01 #$t1");
    expect((await create).status).toBe("2.01");
    const again = bench.ask("/create1", { method: "PUT", body: "y", ifNoneMatch: true });
    await bench.steps('> CON $m2 PUT #$t2 5= /create1 cf=0 "y"', "< ACK $m2 4.12 #$t2 *");
    expect((await again).status).toBe("4.12");
  });

  test("TD_COAP_CORE_31: ping", async () => {
    const bench = new PlugtestBench();
    const answer = bench.client.ping("coap://192.0.2.1");
    await bench.steps("> CON $cmid", "< RST $cmid");
    expect(await answer).toBe(0);
    await bench.silence();
  });
});
