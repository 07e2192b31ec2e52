import { describe, expect, test } from "vitest";
import { PlugtestBench } from "./plugtest-bench.js";

const LARGE_BYTES = 1_280;

describe("ETSI plug tests: block-wise transfer", () => {
  /** GET in blocks of `size`, the first asked for as `first` says. */
  async function getLarge(size: number, first: string, options = {}): Promise<void> {
    const bench = new PlugtestBench();
    const answer = bench.ask("/large", options);
    const last = LARGE_BYTES / size - 1;
    await bench.steps(
      `> CON $m0 GET #$t0 /large${first}`,
      `< ACK $m0 2.05 #$t0 etag=$etag cf=0 2:0/1/${size} size2=${LARGE_BYTES} *`,
    );
    for (let number = 1; number <= last; number++) {
      await bench.steps(
        `> CON $m${number} GET #$t${number} /large 2:${number}/0/${size}`,
        `< ACK $m${number} 2.05 #$t${number} etag=$etag cf=0 2:${number}/${number < last ? 1 : 0}/${size} *`,
      );
    }
    const text = (await answer).text();
    expect(text).toHaveLength(LARGE_BYTES);
    expect(text.split("\n").slice(0, -1).map((line) => Number(line.slice(0, 2)))).toEqual([...Array(20).keys()]); // prettier-ignore
    await bench.silence();
  }

  test("TD_COAP_BLOCK_01: GET, early negotiation", async () => {
    await getLarge(64, " 2:0/0/64", { blockSizeBytes: 64 });
  });

  test("TD_COAP_BLOCK_02: GET, late negotiation", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/large");
    await bench.steps(
      "> CON $m0 GET #$t0 /large",
      "< ACK $m0 2.05 #$t0 etag=$etag cf=0 2:0/1/1024 size2=1280 *",
      "> CON $m1 GET #$t1 /large 2:1/0/1024",
      "< ACK $m1 2.05 #$t1 etag=$etag cf=0 2:1/0/1024 [256]",
    );
    expect((await answer).payload).toHaveLength(LARGE_BYTES);
  });

  test("TD_COAP_BLOCK_03: PUT", async () => {
    const bench = new PlugtestBench();
    const body = "x".repeat(300);
    const answer = bench.ask("/large-update", { method: "PUT", body, contentFormat: 0, blockSizeBytes: 128 });
    await bench.steps(
      "> CON $m0 PUT #$t0 /large-update cf=0 1:0/1/128 size1=300 tag=$tag *",
      "< ACK $m0 2.31 #$t0 1:0/1/128",
      "> CON $m1 PUT #$t1 /large-update cf=0 1:1/1/128 tag=$tag *",
      "< ACK $m1 2.31 #$t1 1:1/1/128",
      "> CON $m2 PUT #$t2 /large-update cf=0 1:2/0/128 tag=$tag *",
      "< ACK $m2 2.04 #$t2 *",
    );
    expect((await answer).status).toBe("2.04");
    const check = bench.ask("/large-update");
    await bench.steps("> CON $m3 GET #$t3 /large-update", "< ACK $m3 2.05 #$t3 *");
    expect((await check).text()).toBe(body);
  });

  test("TD_COAP_BLOCK_04: POST that creates", async () => {
    const bench = new PlugtestBench();
    const body = "y".repeat(40);
    const answer = bench.ask("/large-create", { method: "POST", body, contentFormat: 0, blockSizeBytes: 32 });
    await bench.steps(
      "> CON $m0 POST #$t0 /large-create cf=0 1:0/1/32 size1=40 tag=$tag *",
      "< ACK $m0 2.31 #$t0 1:0/1/32",
      "> CON $m1 POST #$t1 /large-create cf=0 1:1/0/32 tag=$tag *",
      "< ACK $m1 2.01 #$t1 *",
    );
    const { location = "" } = await answer;
    expect(location).toBe("/large-create/1");
    const created = bench.ask(location);
    await bench.steps("> CON $m2 GET #$t2 /large-create/1", '< ACK $m2 2.05 #$t2 cf=0 "' + body + '"');
    expect((await created).text()).toBe(body);
  });

  test("TD_COAP_BLOCK_05: POST, large both ways", async () => {
    const bench = new PlugtestBench();
    const answer = bench.ask("/large-post", { method: "POST", body: "z".repeat(1_500), contentFormat: 0 });
    await bench.steps(
      "> CON $m0 POST #$t0 /large-post cf=0 1:0/1/1024 size1=1500 tag=$tag *",
      "< ACK $m0 2.31 #$t0 1:0/1/1024",
      "> CON $m1 POST #$t1 /large-post cf=0 1:1/0/1024 tag=$tag *",
      "< ACK $m1 2.04 #$t1 cf=0 2:0/1/1024 1:1/0/1024 size2=1280 *",
    );
    await bench.steps("> CON $m2 POST #$t2 /large-post cf=0 2:1/0/1024 *", "< ACK $m2 2.04 #$t2 cf=0 2:1/0/1024 [256]");
    expect((await answer).payload).toHaveLength(LARGE_BYTES);
  });

  test("TD_COAP_BLOCK_06: GET, early negotiation of 16 bytes", async () => {
    await getLarge(16, " 2:0/0/16", { blockSizeBytes: 16 });
  });
});
