import { describe, expect, test } from "vitest";
import { PlugtestBench } from "./plugtest-bench.js";

/** A count of one digit, then 20 lines of 64. */
const LARGE_BYTES = 1_281;

describe("ETSI plug tests: observe", () => {
  /** Registered, with one notification after the first response: what most tests begin with. */
  async function observing() {
    const bench = new PlugtestBench();
    const observation = bench.observe("/obs");
    await bench.steps("> CON $cmid GET #$t obs=0 /obs", '< ACK $cmid 2.05 #$t obs=$o0 cf=0 max-age=5 "/obs 0"');
    await bench.advance(5_000);
    await bench.steps('< CON $n1 2.05 #$t obs=$o1 cf=0 max-age=5 "/obs 1"', "> ACK $n1");
    expect(observation.seen).toEqual(["/obs 0", "/obs 1"]);
    return { bench, ...observation };
  }

  test("TD_COAP_OBS_01: observation with CON messages", async () => {
    const { bench, seen } = await observing();
    await bench.advance(5_000);
    await bench.steps('< CON $n2 2.05 #$t obs=$o2 cf=0 max-age=5 "/obs 2"', "> ACK $n2");
    expect(seen).toEqual(["/obs 0", "/obs 1", "/obs 2"]);
    const [first, second, third] = ["o0", "o1", "o2"].map((name) => Number(bench.bound(name)));
    expect(second).toBeGreaterThan(first ?? Infinity);
    expect(third).toBeGreaterThan(second ?? Infinity);
  });

  test("TD_COAP_OBS_02: observation with NON messages", async () => {
    const bench = new PlugtestBench();
    const { seen } = bench.observe("/obs-non", { isConfirmable: false });
    await bench.steps("> NON $cmid GET #$t obs=0 /obs-non", '< NON $n0 2.05 #$t obs=$o0 cf=0 max-age=5 "/obs-non 0"');
    for (const count of [1, 2]) {
      await bench.advance(5_000);
      await bench.steps(`< NON $n${count} 2.05 #$t obs=$o${count} cf=0 max-age=5 "/obs-non ${count}"`);
    }
    await bench.silence();
    expect(seen).toEqual(["/obs-non 0", "/obs-non 1", "/obs-non 2"]);
  });

  test("TD_COAP_OBS_04: the client registers again when notifications stay away", async () => {
    const { bench, seen } = await observing();
    // The server stops to change; nothing but Max-Age tells the client that it may have been forgotten.
    bench.plugtest.close();
    await bench.silence(9_000);
    await bench.advance(20_000);
    await bench.steps("> CON $again GET #$t obs=0 /obs", '< ACK $again 2.05 #$t obs=$o2 cf=0 max-age=5 "/obs 1"');
    expect(seen).toEqual(["/obs 0", "/obs 1", "/obs 1"]);
  });

  test("TD_COAP_OBS_05: the server gives up on a client that is switched off", async () => {
    const { bench, done } = await observing();
    bench.rebootClient();
    await expect(done).rejects.toThrow("closed");
    const sequences: number[] = [];
    for (let lost = 0; lost < 5; lost++) {
      // Each later one may carry a newer state, with an Observe value to match (RFC 7641 4.5.2).
      await bench.advance(100_000);
      await bench.lose(`< CON $x${lost} 2.05 #$t obs=$y${lost} *`);
      sequences.push(Number(bench.bound(`y${lost}`)));
    }
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(sequences.at(-1)).toBeGreaterThan(sequences[0] ?? Infinity);
    await bench.silence(200_000);
  });

  test("TD_COAP_OBS_06: the server forgets a client that answers with RST", async () => {
    const { bench, seen, done } = await observing();
    bench.rebootClient();
    await expect(done).rejects.toThrow("closed");
    await bench.advance(5_000);
    await bench.steps('< CON $n2 2.05 #$t obs=$o2 cf=0 max-age=5 "/obs 2"', "> RST $n2");
    await bench.silence(30_000);
    expect(seen).toEqual(["/obs 0", "/obs 1"]);
  });

  test("TD_COAP_OBS_07: the server tells its observers of DELETE, and forgets them", async () => {
    const { bench, seen, done } = await observing();
    const gone = bench.ask("/obs", { method: "DELETE" });
    await bench.steps("> CON $d DELETE #$t2 /obs", "< CON $n2 4.04 #$t *", "< ACK $d 2.02 #$t2", "> ACK $n2");
    expect((await gone).status).toBe("2.02");
    await done;
    expect(seen).toEqual(["/obs 0", "/obs 1", "4.04"]);
    await bench.silence(30_000);
  });

  test("TD_COAP_OBS_08: the server forgets its observers when the Content-Format changes", async () => {
    const { bench, seen, done } = await observing();
    const change = bench.ask("/obs", { method: "PUT", body: { now: "JSON" } });
    await bench.steps(
      '> CON $p PUT #$t2 /obs cf=50 "{"now":"JSON"}"'.replaceAll('"{"now":"JSON"}"', "*"),
      "< CON $n2 4.06 #$t *",
      "< ACK $p 2.04 #$t2",
      "> ACK $n2",
    );
    expect((await change).status).toBe("2.04");
    await done;
    expect(seen).toEqual(["/obs 0", "/obs 1", "4.06"]);
    await bench.silence(30_000);
  });

  test("TD_COAP_OBS_09: update of the observed resource", async () => {
    const { bench, seen } = await observing();
    const change = bench.ask("/obs", { method: "PUT", body: "by PUT" });
    await bench.steps(
      '> CON $p PUT #$t2 /obs cf=0 "by PUT"',
      '< CON $n2 2.05 #$t obs=$o2 cf=0 max-age=5 "by PUT"',
      "< ACK $p 2.04 #$t2",
      "> ACK $n2",
    );
    await change;
    expect(seen).toEqual(["/obs 0", "/obs 1", "by PUT"]);
    expect(Number(bench.bound("o2"))).toBeGreaterThan(Number(bench.bound("o1")));
  });

  test("TD_COAP_OBS_10: GET with another token does not cancel", async () => {
    const { bench, seen } = await observing();
    const plain = bench.ask("/obs");
    await bench.steps("> CON $g GET #$t2 /obs", '< ACK $g 2.05 #$t2 cf=0 max-age=5 "/obs 1"');
    expect(bench.bound("t2")).not.toBe(bench.bound("t"));
    await plain;
    await bench.advance(5_000);
    await bench.steps('< CON $n2 2.05 #$t obs=$o2 cf=0 max-age=5 "/obs 2"', "> ACK $n2");
    expect(seen).toEqual(["/obs 0", "/obs 1", "/obs 2"]);
  });

  test("TD_COAP_OBS_11: observation with CON messages in a lossy context", async () => {
    const { bench, seen } = await observing();
    await bench.advance(5_000);
    await bench.lose('< CON $n2 2.05 #$t obs=$o2 cf=0 max-age=5 "/obs 2"');
    // Never two at a time: the next state takes the place of the lost one, or waits.
    await bench.advance(5_000);
    await bench.lose("< CON $n3 2.05 #$t *");
    await bench.silence(2_000);
    await bench.advance(20_000);
    await bench.steps("< CON $n4 2.05 #$t *", "> ACK $n4");
    expect(seen).toHaveLength(3);
    expect(seen.at(-1)).toMatch(/^\/obs [2-5]$/);
  });

  test("TD_COAP_OBS_12: GET with Observe 1 cancels", async () => {
    const { bench, seen, cancel, done } = await observing();
    cancel();
    await bench.steps("> CON $c GET #$t obs=1 /obs", '< ACK $c 2.05 #$t cf=0 max-age=5 "/obs 1"');
    await done;
    await bench.silence(30_000);
    expect(seen).toEqual(["/obs 0", "/obs 1"]);
  });

  /** The second block of a body, the last one; a notification is acknowledged when the block has been asked for. */
  async function fetchRest(bench: PlugtestBench, path: string, count: number): Promise<void> {
    await bench.steps(`> CON $b${count} GET #$u${count} ${path} 2:1/0/1024`);
    if (count > 0) await bench.steps(`> ACK $n${count}`);
    await bench.steps(`< ACK $b${count} 2.05 #$u${count} etag=$e${count} cf=0 max-age=5 2:1/0/1024 [257]`);
  }

  test("TD_COAP_OBS_13: observation of a large resource", async () => {
    const bench = new PlugtestBench();
    const { seen } = bench.observe("/obs-large");
    await bench.steps("> CON $m GET #$t obs=0 /obs-large", "< ACK $m 2.05 #$t etag=$e0 obs=$o0 *");
    await fetchRest(bench, "/obs-large", 0);
    for (const count of [1, 2]) {
      await bench.advance(5_000);
      await bench.steps(`< CON $n${count} 2.05 #$t etag=$e${count} obs=$o${count} *`);
      await fetchRest(bench, "/obs-large", count);
    }
    expect(seen.map((text) => [text[0], text.length])).toEqual([["0", LARGE_BYTES], ["1", LARGE_BYTES], ["2", LARGE_BYTES]]); // prettier-ignore
    await bench.silence();
  });

  test("TD_COAP_OBS_14: observation of a resource that is large and small in turn", async () => {
    const bench = new PlugtestBench();
    const { seen } = bench.observe("/obs-pumping");
    await bench.steps("> CON $m GET #$t obs=0 /obs-pumping", "< ACK $m 2.05 #$t etag=$e0 obs=$o0 *");
    await fetchRest(bench, "/obs-pumping", 0);
    await bench.advance(5_000);
    await bench.steps('< CON $n1 2.05 #$t obs=$o1 cf=0 max-age=5 "1"', "> ACK $n1");
    await bench.advance(5_000);
    await bench.steps("< CON $n2 2.05 #$t etag=$e2 obs=$o2 *");
    await fetchRest(bench, "/obs-pumping", 2);
    expect(seen.map((text) => text.length)).toEqual([LARGE_BYTES, 1, LARGE_BYTES]);
  });
});
