import { describe, expect, test } from "vitest";
import { fromHex } from "@isthmus/bytes";
import { Code, decodeDatagram } from "../../src/codec/index.js";
import { Subject } from "../../src/endpoint/index.js";
import { answering, Inbox, Lockstep } from "./lockstep.js";

/** Faults that servers in the field have: each of these datagrams was once answered wrongly, or not at all. */
describe("faults seen in the field", () => {
  const content = (): Lockstep => new Lockstep({ handler: answering(() => ({ code: Code.CONTENT })) });

  test("a ping is answered with a Reset, not with a response", () => {
    const ladder = content();
    ladder.receive("CON 1234");
    ladder.expectSent("RST 1234");
    ladder.expectSilence();
  });

  test("a message id that comes twice while the first request is pending is handled once", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 1234 POST #01 /counter");
    ladder.receive("CON 1234 POST #01 /counter");
    ladder.advance(250);
    ladder.receive("CON 1234 POST #01 /counter");
    expect(inbox.requests).toHaveLength(1);
    ladder.expectSent("ACK 1234");
    ladder.expectSent("ACK 1234");
    inbox.take().respond(ladder.now, { code: Code.CHANGED });
    ladder.expectSent("CON $m 2.04 #01");
    ladder.expectSilence();
  });

  test("an unknown critical option is answered 4.02 when Confirmable, with silence when not", () => {
    const ladder = content();
    ladder.receive("CON 1234 GET #01 /a 65001=00");
    ladder.expectSent('ACK 1234 4.02 #01 "65001 is not understood"');
    ladder.receive("NON 1235 GET #02 /a 65001=00");
    ladder.expectSilence();
    ladder.receive("CON 1236 GET #03 /a 65000=00");
    ladder.expectSent("ACK 1236 2.05 #03");
  });

  test.each(["49", "4c"])("a token length beyond 8 (first byte %s) is a format error: a Reset", (first) => {
    const ladder = content();
    ladder.receiveBytes(fromHex(`${first} 01 1234 010203040506070809101112`));
    ladder.expectSent("RST 1234");
    ladder.expectSilence();
  });

  test("a token of 9 bytes in a Non-confirmable message is met with silence", () => {
    const ladder = content();
    ladder.receiveBytes(fromHex("59 01 1234 010203040506070809"));
    ladder.expectSilence();
  });

  test.each(["35=636f61703a2f2f78", "39=636f6170"])(
    "a request for a proxy (%s) is answered 5.05 by a server",
    (option) => {
      const ladder = content();
      ladder.receive(`CON 1234 GET #01 ${option}`);
      ladder.expectSent("ACK 1234 5.05 #01");
      ladder.receive(`NON 1235 GET #02 ${option}`);
      ladder.expectSent("NON $m 5.05 #02");
    },
  );

  test("a PUT with Observe is answered, and observes nothing", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          expect(request.observe(now, subject)).toBeUndefined();
          request.respond(now, { code: Code.CHANGED });
        },
      },
    });
    ladder.receive("CON 1234 PUT #01 obs=0 /a");
    ladder.expectSent("ACK 1234 2.04 #01");
    expect(subject.observations.size).toBe(0);
  });

  test("a Block1 transfer that starts at block 1 is answered 4.08", () => {
    const ladder = content();
    ladder.receive("CON 1234 PUT #01 /a 1:1/0/64 [64]");
    ladder.expectSent("ACK 1234 4.08 #01 1:1/0/64 *");
  });

  test("an error goes to the address that the request came from, not to the one before", () => {
    const ladder = content();
    const one = { address: "192.0.2.11", port: 1111 };
    const two = { address: "192.0.2.22", port: 2222 };
    ladder.receive("CON 0001 GET #01 /a 65001=00", one);
    ladder.receive("CON 0001 GET #01 /a 65003=00", two);
    ladder.receiveBytes(fromHex("49 01 0002 01"), one);
    ladder.receive("CON 0003 GET #01 /a 35=61", two);
    ladder.expectSent("ACK 0001 4.02 *", one);
    ladder.expectSent("ACK 0001 4.02 *", two);
    ladder.expectSent("RST 0002", one);
    ladder.expectSent("ACK 0003 5.05 #01", two);
  });
});

describe("messages that a server must not answer, or reject", () => {
  test.each([
    ["a version that is not 1", "80 01 1234", undefined],
    ["a header cut short", "40 01 12", undefined],
    ["nothing", "", undefined],
    ["an acknowledgement of nothing", "60 00 1234", undefined],
    ["an acknowledgement that carries a request", "60 01 1234", undefined],
    ["a Reset of nothing", "70 00 1234", undefined],
    ["a Reset that carries a code", "70 45 1234", undefined],
    ["a Confirmable message with reserved code class 1", "40 20 1234", "RST 1234"],
    ["a Confirmable message with reserved code class 6", "40 c0 1234", "RST 1234"],
    ["a Confirmable message with a signaling code", "40 e2 1234", "RST 1234"],
    ["a Non-confirmable message with a reserved code class", "50 20 1234", undefined],
    ["a Confirmable Empty message with a token", "41 00 1234 ff", "RST 1234"],
    ["a Confirmable Empty message with bytes after it", "40 00 1234 ff", "RST 1234"],
    ["a payload marker without payload", "40 01 1234 ff", "RST 1234"],
    ["an option delta of 15", "40 01 1234 f0", "RST 1234"],
    ["an option length of 15", "40 01 1234 0f", "RST 1234"],
    ["an option cut short", "40 01 1234 b5 6162", "RST 1234"],
    ["a Uri-Path that is not UTF-8", "40 01 1234 b2 c328", "ACK 1234 4.02 *"],
    ["a Uri-Host without bytes", "40 01 1234 30", "ACK 1234 4.02 *"],
    ["Uri-Port twice", "40 01 1234 7150 0150", "ACK 1234 4.02 *"],
    ["OSCORE, which is not understood here", "40 01 1234 90", "ACK 1234 4.02 *"],
    ["a Hop-Limit of 0", "40 01 1234 d103 00", "ACK 1234 4.00 *"],
    ["an unknown method, which is for the handler to refuse", "40 1f 1234", "ACK 1234 4.05"],
    ["a Max-Age that is too long, which is ignored", "40 01 1234 d501 0102030405", "ACK 1234 2.05"],
  ])("%s", (_title, hex, answer) => {
    const ladder = new Lockstep({
      handler: answering(({ code, options }) => {
        expect(options.has(14)).toBe(false);
        return { code: code <= Code.IPATCH ? Code.CONTENT : Code.METHOD_NOT_ALLOWED };
      }),
    });
    ladder.receiveBytes(fromHex(hex));
    if (answer !== undefined) ladder.expectSent(answer);
    ladder.expectSilence();
  });

  test("what is sent back for an error can be read by who gets it", () => {
    const ladder = new Lockstep({ handler: new Inbox() });
    ladder.receive("CON 1234 GET #0102030405060708 /a 65001=00");
    const [sent] = ladder.sent;
    expect(decodeDatagram(sent?.bytes ?? new Uint8Array(0)).token).toEqual(fromHex("0102030405060708"));
  });
});
