import { describe, expect, test } from "vitest";
import { Code, Option, Options } from "../../src/codec/index.js";
import { answering, far, Inbox, Lockstep, Outcome } from "./lockstep.js";
import { body } from "./notation.js";

const status = Options.of([Option.URI_PATH, "status"]);
const optionsPath = Options.of([Option.URI_PATH, "options"]);
const blocksOf128 = { blockSizeBytes: 128 };

function serving(length: number): {
  handleRequest: ReturnType<typeof answering>["handleRequest"];
  count: () => number;
} {
  let count = 0;
  const handler = answering(() => {
    count++;
    return { code: Code.CONTENT, payload: body(length) };
  });
  return { ...handler, count: () => count };
}

describe("the server side of the figures of RFC 7959", () => {
  test("figure 2: a simple block-wise GET", () => {
    const handler = serving(300);
    const ladder = new Lockstep({ handler, ...blocksOf128 });
    ladder.receive("CON 1234 GET /status");
    ladder.expectSent("ACK 1234 2.05 2:0/1/128 size2=300 [128]");
    ladder.receive("CON 1235 GET /status 2:1/0/128");
    ladder.expectSent("ACK 1235 2.05 2:1/1/128 [128]");
    ladder.receive("CON 1236 GET /status 2:2/0/128");
    ladder.expectSent(`ACK 1236 2.05 2:2/0/128 "${new TextDecoder().decode(body(44, 256))}"`);
    expect(handler.count()).toBe(1);
  });

  test("figure 3: early negotiation", () => {
    const ladder = new Lockstep({ handler: serving(6 * 64), ...blocksOf128 });
    ladder.receive("CON 1234 GET /status 2:0/0/64");
    ladder.expectSent("ACK 1234 2.05 2:0/1/64 size2=384 [64]");
    for (let number = 1; number < 5; number++) {
      ladder.receive(`CON 123${4 + number} GET /status 2:${number}/0/64`);
      ladder.expectSent(`ACK 123${4 + number} 2.05 2:${number}/1/64 [64]`);
    }
    ladder.receive("CON 1239 GET /status 2:5/0/64");
    ladder.expectSent("ACK 1239 2.05 2:5/0/64 [64]");
  });

  test("figure 4: late negotiation", () => {
    const ladder = new Lockstep({ handler: serving(6 * 64), ...blocksOf128 });
    ladder.receive("CON 1234 GET /status");
    ladder.expectSent("ACK 1234 2.05 2:0/1/128 size2=384 [128]");
    for (let number = 2; number < 5; number++) {
      ladder.receive(`CON 123${4 + number} GET /status 2:${number}/0/64`);
      ladder.expectSent(`ACK 123${4 + number} 2.05 2:${number}/1/64 [64]`);
    }
    ladder.receive("CON 1239 GET /status 2:5/0/64");
    ladder.expectSent("ACK 1239 2.05 2:5/0/64 [64]");
  });

  test("figure 6: late negotiation, an acknowledgement is lost", () => {
    const handler = serving(6 * 64);
    const ladder = new Lockstep({ handler, ...blocksOf128 });
    ladder.receive("CON 1234 GET /status");
    ladder.expectSent("ACK 1234 2.05 2:0/1/128 size2=384 [128]");
    ladder.receive("CON 1236 GET /status 2:3/0/64");
    ladder.expectSent("ACK 1236 2.05 2:3/1/64 [64]");
    ladder.receive("CON 1236 GET /status 2:3/0/64");
    ladder.expectSent("ACK 1236 2.05 2:3/1/64 [64]");
    expect(handler.count()).toBe(1);
  });

  test("figure 7: a simple atomic block-wise PUT", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 1234 PUT /options 1:0/1/128 [128]");
    ladder.expectSent("ACK 1234 2.31 1:0/1/128");
    ladder.receive("CON 1235 PUT /options 1:1/1/128 [128]");
    ladder.expectSent("ACK 1235 2.31 1:1/1/128");
    ladder.receive("CON 1236 PUT /options 1:2/0/128 [44]");
    const request = inbox.take();
    expect(request.payload).toEqual(body(300));
    request.respond(ladder.now, { code: Code.CHANGED });
    ladder.expectSent("ACK 1236 2.04 1:2/0/128");
  });

  test("figure 9: an atomic PUT whose block size the server makes smaller", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, blockSizeBytes: 32 });
    ladder.receive("CON 1234 PUT /options 1:0/1/128 [128]");
    ladder.expectSent("ACK 1234 2.31 1:0/1/32");
    ladder.receive("CON 1235 PUT /options 1:4/1/32 [32]");
    ladder.expectSent("ACK 1235 2.31 1:4/1/32");
    ladder.receive("CON 1236 PUT /options 1:5/1/32 [32]");
    ladder.expectSent("ACK 1236 2.31 1:5/1/32");
    ladder.receive("CON 1237 PUT /options 1:6/0/32 [32]");
    expect(inbox.take().payload).toEqual(body(224));
  });

  test("figure 10: an atomic POST with a block-wise response", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, ...blocksOf128 });
    ladder.receive("CON 1234 POST /soap 1:0/1/128 [128]");
    ladder.expectSent("ACK 1234 2.31 1:0/1/128");
    ladder.receive("CON 1235 POST /soap 1:1/1/128 [128]");
    ladder.expectSent("ACK 1235 2.31 1:1/1/128");
    ladder.receive("CON 1236 POST /soap 1:2/0/128 [100]");
    inbox.take().respond(ladder.now, { code: Code.CHANGED, payload: body(500) });
    ladder.expectSent("ACK 1236 2.04 2:0/1/128 1:2/0/128 size2=500 [128]");
    for (const [id, number] of [
      ["1237", 1],
      ["1238", 2],
    ] as const) {
      ladder.receive(`CON ${id} POST /soap 2:${number}/0/128`);
      ladder.expectSent(`ACK ${id} 2.04 2:${number}/1/128 [128]`);
    }
    ladder.receive("CON 1239 POST /soap 2:3/0/128");
    ladder.expectSent("ACK 1239 2.04 2:3/0/128 [116]");
    expect(inbox.requests).toEqual([]);
  });

  test("figure 11: an atomic POST with a block-wise response, early negotiation: 2.31 is no block of it", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 0001 POST /soap 2:0/0/64 1:0/1/64 [64]");
    ladder.expectSent("ACK 0001 2.31 1:0/1/64");
    ladder.receive("CON 0002 POST /soap 2:0/0/64 1:1/0/64 [10]");
    inbox.take().respond(ladder.now, { code: Code.CHANGED, payload: body(100) });
    ladder.expectSent("ACK 0002 2.04 2:0/1/64 1:1/0/64 size2=100 [64]");
  });

  test("the blocks of that response are found without the Request-Tag of the upload, too", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, ...blocksOf128 });
    ladder.receive("CON 0001 POST /soap 1:0/0/128 tag=01 [100]");
    inbox.take().respond(ladder.now, { code: Code.CHANGED, payload: body(200) });
    ladder.expectSent("ACK 0001 2.04 2:0/1/128 1:0/0/128 size2=200 [128]");
    ladder.receive("CON 0002 POST /soap 2:1/0/128");
    ladder.expectSent("ACK 0002 2.04 2:1/0/128 [72]");
    ladder.receive("CON 0003 POST /soap 2:1/0/128 tag=01");
    ladder.expectSent("ACK 0003 2.04 2:1/0/128 [72]");
  });

  test("a block of a POST's response that is not kept is answered 4.08, an error to a later block stays what it is", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.NOT_FOUND })) });
    ladder.receive("CON 0001 POST /soap 2:1/0/128");
    ladder.expectSent("ACK 0001 4.08 *");
    ladder.receive("CON 0002 GET /gone 2:3/0/128");
    ladder.expectSent("ACK 0002 4.04");
  });

  test("2.4: any block of a resource may be asked for, in any order and without the first", () => {
    const ladder = new Lockstep({ handler: serving(1_000) });
    ladder.receive("CON 0001 GET /status 2:3/0/256");
    ladder.expectSent("ACK 0001 2.05 2:3/0/256 [232]");
    ladder.receive("CON 0002 GET /status 2:1/0/256");
    ladder.expectSent("ACK 0002 2.05 2:1/1/256 [256]");
  });

  test("2.4: blocks asked for later are of the representation that the first one was of", () => {
    let length = 200;
    const ladder = new Lockstep({
      handler: answering(() => ({
        code: Code.CONTENT,
        payload: body(length),
        options: Options.of([Option.ETAG, Uint8Array.of(length)]),
      })),
      ...blocksOf128,
    });
    ladder.receive("CON 0001 GET /status");
    ladder.expectSent("ACK 0001 2.05 etag=c8 2:0/1/128 size2=200 [128]");
    length = 140;
    ladder.receive("CON 0002 GET /status 2:1/0/128");
    ladder.expectSent("ACK 0002 2.05 etag=c8 2:1/0/128 [72]");
    ladder.receive("CON 0003 GET /status 2:1/0/128");
    ladder.expectSent("ACK 0003 2.05 etag=8c 2:1/0/128 *");
  });

  test("2.2: a block beyond the body, and SZX 7, are bad requests", () => {
    const ladder = new Lockstep({ handler: serving(100) });
    ladder.receive("CON 0001 GET /status 2:7/0/16");
    ladder.expectSent("ACK 0001 4.00");
    ladder.receive("CON 0002 GET /status 23=07");
    ladder.expectSent("ACK 0002 4.00 *");
    ladder.receive("CON 0003 PUT /status 27=0f [16]");
    ladder.expectSent("ACK 0003 4.00 *");
  });

  test("2.9.2: a Block1 transfer that starts at block 1 is answered 4.08", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 0001 PUT /options 1:1/1/128 [128]");
    ladder.expectSent("ACK 0001 4.08 1:1/1/128 *");
    ladder.receive("CON 0002 PUT /options 1:0/1/128 [128]");
    ladder.expectSent("ACK 0002 2.31 1:0/1/128");
    ladder.receive("CON 0003 PUT /options 1:2/1/128 [128]");
    ladder.expectSent("ACK 0003 4.08 1:2/1/128 *");
    // What there was is kept: the block that is missing may still come.
    ladder.receive("CON 0004 PUT /options 1:1/0/128 [10]");
    expect(inbox.take().payload).toEqual(body(138));
  });

  test("a block that comes again under another message id is acknowledged again", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("NON 0001 PUT /options 1:0/1/16 [16]");
    ladder.expectSent("NON $a 2.31 1:0/1/16");
    ladder.receive("NON 0002 PUT /options 1:1/1/16 [16]");
    ladder.expectSent("NON $b 2.31 1:1/1/16");
    ladder.receive("NON 0003 PUT /options 1:1/1/16 [16]");
    ladder.expectSent("NON $c 2.31 1:1/1/16");
    ladder.receive("NON 0004 PUT /options 1:2/0/16 [3]");
    expect(inbox.take().payload).toEqual(body(35));
  });

  test("2.2: a block that is not the last and not of its size is a bad request", () => {
    const ladder = new Lockstep({ handler: new Inbox() });
    ladder.receive("CON 0001 PUT /options 1:0/1/128 [100]");
    ladder.expectSent("ACK 0001 4.00 1:0/1/128 *");
    ladder.receive("CON 0002 PUT /options 1:0/0/16 [17]");
    ladder.expectSent("ACK 0002 4.00 1:0/0/16 *");
  });

  test("2.9.3: a body beyond the limit is answered 4.13, at once when Size1 tells", () => {
    const ladder = new Lockstep({ handler: new Inbox(), limits: { maxBodyBytes: 256 } });
    ladder.receive("CON 0001 PUT /options 1:0/1/128 size1=300 [128]");
    ladder.expectSent("ACK 0001 4.13 1:0/1/128 size1=256");
    ladder.receive("CON 0002 PUT /options 1:0/1/128 [128]");
    ladder.expectSent("ACK 0002 2.31 1:0/1/128");
    ladder.receive("CON 0003 PUT /options 1:1/1/128 [128]");
    ladder.expectSent("ACK 0003 2.31 1:1/1/128");
    ladder.receive("CON 0004 PUT /options 1:2/0/128 [1]");
    ladder.expectSent("ACK 0004 4.13 1:2/0/128 size1=256");
  });

  test("2.5, RFC 9175 3: bodies of different peers, resources and Request-Tags do not mix", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    const other = { address: "192.0.2.2", port: 5683 };
    ladder.receive('CON 0001 PUT /a 1:0/1/16 "aaaaaaaaaaaaaaaa"');
    ladder.receive('CON 0002 PUT /b 1:0/1/16 "bbbbbbbbbbbbbbbb"');
    ladder.receive('CON 0003 PUT /a 1:0/1/16 tag=01 "cccccccccccccccc"');
    ladder.receive('CON 0001 PUT /a 1:0/1/16 "dddddddddddddddd"', other);
    ladder.receive('CON 0004 PUT /a 1:1/0/16 "1"');
    ladder.receive('CON 0005 PUT /b 1:1/0/16 "2"');
    ladder.receive('CON 0006 PUT /a 1:1/0/16 tag=01 "3"');
    ladder.receive('CON 0002 PUT /a 1:1/0/16 "4"', other);
    const bodies = inbox.requests.map(({ payload }) => new TextDecoder().decode(payload));
    expect(bodies).toEqual(["aaaaaaaaaaaaaaaa1", "bbbbbbbbbbbbbbbb2", "cccccccccccccccc3", "dddddddddddddddd4"]);
  });

  test("bodies that are never completed take no more than the limit", () => {
    const ladder = new Lockstep({ handler: new Inbox(), limits: { maxAssemblyBytes: 8_192 } });
    for (let i = 0; i < 100; i++) {
      ladder.receive(`CON ${(1_000 + i).toString(16)} PUT /r${i} 1:0/1/1024 [1024]`);
      ladder.expectSent("ACK $x 2.31 1:0/1/1024".replace("$x", (1_000 + i).toString(16).padStart(4, "0")));
    }
    // The first one has gone, the last one is there.
    ladder.receive("CON 2000 PUT /r0 1:1/0/1024 [1]");
    ladder.expectSent("ACK 2000 4.08 1:1/0/1024 *");
    ladder.receive("CON 2001 PUT /r99 1:1/0/1024 [1]");
    ladder.expectSilence();
  });

  test("a body waits for its next block as long as EXCHANGE_LIFETIME", () => {
    const ladder = new Lockstep({ handler: new Inbox() });
    ladder.receive("CON 0001 PUT /a 1:0/1/16 [16]");
    ladder.expectSent("ACK 0001 2.31 1:0/1/16");
    ladder.advance(248_000);
    ladder.receive("CON 0002 PUT /a 1:1/0/16 [1]");
    ladder.expectSent("ACK 0002 4.08 1:1/0/16 *");
  });
});

describe("the client side of the figures of RFC 7959", () => {
  test("figure 2: a simple block-wise GET", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, outcome);
    ladder.expectSent("CON $a GET #$t /status");
    ladder.receive("ACK $a 2.05 #$t 2:0/1/128 [128]");
    ladder.expectSent("CON $b GET #$u /status 2:1/0/128");
    ladder.receive("ACK $b 2.05 #$u 2:1/1/128 [128]");
    ladder.expectSent("CON $c GET #$v /status 2:2/0/128");
    ladder.receive("ACK $c 2.05 #$v 2:2/0/128 [44]");
    expect(outcome.responses[0]?.payload).toEqual(body(300));
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
  });

  test("figure 3: early negotiation", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const options = status.with(Option.BLOCK2, 2);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options }, outcome);
    ladder.expectSent("CON $a GET #$t /status 2:0/0/64");
    ladder.receive("ACK $a 2.05 #$t 2:0/1/64 [64]");
    ladder.expectSent("CON $b GET #$u /status 2:1/0/64");
    ladder.receive("ACK $b 2.05 #$u 2:1/0/64 [64]");
    expect(outcome.responses[0]?.payload).toEqual(body(128));
  });

  test("2.4: a request for a later block gets that block alone", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const options = status.with(Option.BLOCK2, (3 << 4) | 2);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options }, outcome);
    ladder.expectSent("CON $a GET #$t /status 2:3/0/64");
    ladder.receive("ACK $a 2.05 #$t 2:3/1/64 [64]");
    expect(outcome.responses[0]?.payload).toEqual(body(64, 192));
    ladder.expectSilence();
  });

  test("figure 5: a lost request for a block is sent again", () => {
    const ladder = new Lockstep({ parameters: { ackRandomFactor: 1 } });
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, outcome);
    ladder.expectSent("CON $a GET #$t /status");
    ladder.receive("ACK $a 2.05 #$t 2:0/1/128 [128]");
    ladder.expectSent("CON $b GET #$u /status 2:1/0/128");
    ladder.advance(2_000);
    ladder.expectSent("CON $b GET #$u /status 2:1/0/128");
    ladder.receive("ACK $b 2.05 #$u 2:1/0/128 [20]");
    expect(outcome.responses[0]?.payload).toEqual(body(148));
  });

  test("figure 7: a simple atomic block-wise PUT", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.PUT, options: optionsPath, payload: body(300), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a PUT #$t /options 1:0/1/128 size1=300 tag=$r [128]");
    ladder.receive("ACK $a 2.31 #$t 1:0/1/128");
    ladder.expectSent("CON $b PUT #$u /options 1:1/1/128 tag=$r [128]");
    ladder.receive("ACK $b 2.31 #$u 1:1/1/128");
    ladder.expectSent(`CON $c PUT #$v /options 1:2/0/128 tag=$r "${new TextDecoder().decode(body(44, 256))}"`);
    ladder.receive("ACK $c 2.04 #$v 1:2/0/128");
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.CHANGED]);
    expect(outcome.isEnded).toBe(true);
  });

  test("figure 8: each block of a stateless PUT is answered with success", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.PUT, options: optionsPath, payload: body(200), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a PUT #$t /options 1:0/1/128 size1=200 tag=$r [128]");
    ladder.receive("ACK $a 2.04 #$t 1:0/0/128");
    ladder.expectSent("CON $b PUT #$u /options 1:1/0/128 tag=$r [72]");
    ladder.receive("ACK $b 2.04 #$u 1:1/0/128");
    expect(outcome.responses).toHaveLength(1);
  });

  test("figure 9: the client goes on with the smaller size that the server asks for", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.PUT, options: optionsPath, payload: body(200), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a PUT #$t /options 1:0/1/128 size1=200 tag=$r [128]");
    ladder.receive("ACK $a 2.31 #$t 1:0/1/32");
    ladder.expectSent("CON $b PUT #$u /options 1:4/1/32 tag=$r *");
    ladder.receive("ACK $b 2.31 #$u 1:4/1/32");
    ladder.expectSent("CON $c PUT #$v /options 1:5/1/32 tag=$r *");
    ladder.receive("ACK $c 2.31 #$v 1:5/1/32");
    ladder.expectSent(`CON $d PUT #$w /options 1:6/0/32 tag=$r "${new TextDecoder().decode(body(8, 192))}"`);
    ladder.receive("ACK $d 2.04 #$w 1:6/0/32");
    expect(outcome.isEnded).toBe(true);
  });

  test("figure 10: an atomic POST with a block-wise response", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.POST, options: optionsPath, payload: body(130), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a POST #$t /options 1:0/1/128 size1=130 tag=$r [128]");
    ladder.receive("ACK $a 2.31 #$t 1:0/1/128");
    ladder.expectSent("CON $b POST #$u /options 1:1/0/128 tag=$r *");
    ladder.receive("ACK $b 2.04 #$u 2:0/1/128 1:1/0/128 [128]");
    ladder.expectSent("CON $c POST #$v /options 2:1/0/128 tag=$r");
    ladder.receive("ACK $c 2.04 #$v 2:1/0/128 [64]");
    expect(outcome.responses[0]?.payload).toEqual(body(192));
  });

  test("2.9.3: 4.13 with a smaller size makes the client start over", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.PUT, options: optionsPath, payload: body(200), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a PUT #$t /options 1:0/1/128 size1=200 tag=$r [128]");
    ladder.receive("ACK $a 4.13 #$t 1:0/1/64");
    ladder.expectSent("CON $b PUT #$u /options 1:0/1/64 size1=200 tag=$r [64]");
    ladder.receive("ACK $b 4.13 #$u 1:0/1/64");
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.REQUEST_ENTITY_TOO_LARGE]);
  });

  test("2.9.2: after 4.08 the body is sent once more", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = { code: Code.PUT, options: optionsPath, payload: body(200), blockSizeBytes: 128 };
    ladder.endpoint.request(ladder.now, far, request, outcome);
    ladder.expectSent("CON $a PUT #$t /options 1:0/1/128 size1=200 tag=$r [128]");
    ladder.receive("ACK $a 2.31 #$t 1:0/1/128");
    ladder.expectSent("CON $b PUT #$u /options 1:1/0/128 tag=$r *");
    ladder.receive("ACK $b 4.08 #$u 1:1/0/128");
    ladder.expectSent("CON $c PUT #$v /options 1:0/1/128 size1=200 tag=$r [128]");
    ladder.receive("ACK $c 4.08 #$v 1:0/1/128");
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.REQUEST_ENTITY_INCOMPLETE]);
  });

  test("2.4: when the ETag changes between blocks the download starts over", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, outcome);
    ladder.expectSent("CON $a GET #$t /status");
    ladder.receive("ACK $a 2.05 #$t etag=01 2:0/1/128 [128]");
    ladder.expectSent("CON $b GET #$u /status 2:1/0/128");
    ladder.receive("ACK $b 2.05 #$u etag=02 2:1/0/128 [20]");
    ladder.expectSent("CON $c GET #$v /status 2:0/0/128");
    ladder.receive("ACK $c 2.05 #$v etag=02 2:0/1/128 [128]");
    ladder.expectSent("CON $d GET #$w /status 2:1/0/128");
    ladder.receive("ACK $d 2.05 #$w etag=02 2:1/0/128 [20]");
    expect(outcome.responses[0]?.payload).toEqual(body(148));
    expect(outcome.responses[0]?.options.bytes(Option.ETAG)).toEqual(Uint8Array.of(2));
  });

  test.each([
    ["a block that does not follow", "ACK $b 2.05 #$u 2:2/0/128 [20]", "bad-response"],
    ["a response that is no block", 'ACK $b 2.05 #$u "x"', "bad-response"],
  ])("%s fails the request", (_title, line, reason) => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, outcome);
    ladder.expectSent("CON $a GET #$t /status");
    ladder.receive("ACK $a 2.05 #$t 2:0/1/128 [128]");
    ladder.expectSent("CON $b GET #$u /status 2:1/0/128");
    ladder.receive(line);
    expect(outcome).toMatchObject({ failure: { reason }, endCount: 1, responses: [] });
    expect(ladder.endpoint.counters).toMatchObject({ requests: 0, timers: 0 });
  });

  test("a body beyond the limit fails the request, at once when Size2 tells", () => {
    const ladder = new Lockstep({ limits: { maxBodyBytes: 200 } });
    const early = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, early);
    ladder.expectSent("CON $a GET #$t /status");
    ladder.receive("ACK $a 2.05 #$t 2:0/1/128 size2=201 [128]");
    expect(early.failure?.reason).toBe("too-large");
    const late = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: status }, late);
    ladder.expectSent("CON $c GET #$v /status");
    ladder.receive("ACK $c 2.05 #$v 2:0/1/128 [128]");
    ladder.expectSent("CON $d GET #$w /status 2:1/0/128");
    ladder.receive("ACK $d 2.05 #$w 2:1/1/128 [128]");
    expect(late.failure?.reason).toBe("too-large");
  });

  test("progress is told after each block", () => {
    const ladder = new Lockstep();
    const seen: string[] = [];
    const handler = {
      handleResponse() {},
      handleEnd() {},
      handleProgress(
        _now: number,
        progress: { direction: string; transferredBytes: number; totalBytes: number | undefined },
      ) {
        seen.push(`${progress.direction} ${progress.transferredBytes}/${progress.totalBytes}`);
      },
    };
    const request = { code: Code.POST, options: optionsPath, payload: body(40), blockSizeBytes: 16 };
    ladder.endpoint.request(ladder.now, far, request, handler);
    ladder.expectSent("CON $a POST #$t *");
    ladder.receive("ACK $a 2.31 #$t 1:0/1/16");
    ladder.expectSent("CON $b POST #$u *");
    ladder.receive("ACK $b 2.31 #$u 1:1/1/16");
    ladder.expectSent("CON $c POST #$v *");
    ladder.receive("ACK $c 2.04 #$v 2:0/1/16 1:2/0/16 size2=20 [16]");
    ladder.expectSent("CON $d POST #$w *");
    ladder.receive("ACK $d 2.04 #$w 2:1/0/16 [4]");
    expect(seen).toEqual(["upload 16/40", "upload 32/40", "download 16/20"]);
  });
});
