import { encodeUtf8, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import {
  Code,
  type CoapMessage,
  decodeFrameMessage,
  encodeFrameMessage,
  encodeStreamMessage,
  Option,
  Options,
  StreamFramer,
} from "../../src/codec/index.js";
import { ConnectionEndpoint, type ConnectionEndpointOptions, Subject } from "../../src/endpoint/index.js";
import { answering, Inbox, Outcome } from "./lockstep.js";
import { body, fillLine, formatMessage, matchLine, parseMessage } from "./notation.js";

const remote = { address: "192.0.2.1", port: 5683 };

/** One end of a connection, and what it wrote; lines are without type and message id. */
class Line {
  now = 0;
  isReady = false;
  isCongested = false;
  closed: string | undefined;
  readonly endpoint: ConnectionEndpoint;
  readonly #written: CoapMessage[] = [];
  readonly #framer = new StreamFramer({ maxMessageBytes: 1 << 24, maxTokenLength: 65_804 });
  readonly #framing: "stream" | "frame";
  readonly #bindings = new Map<string, string>();

  constructor(options: Partial<ConnectionEndpointOptions> = {}) {
    this.#framing = options.framing ?? "stream";
    this.endpoint = new ConnectionEndpoint(
      { random: new SeededRandom(1), framing: "stream", remote, ...options },
      {
        write: (bytes) => this.#keep(bytes),
        isCongested: () => this.isCongested,
        close: (reason) => (this.closed = reason),
        ready: () => (this.isReady = true),
        wake: () => {},
      },
    );
    this.endpoint.start(this.now);
  }

  /** Both have said what they take. */
  static open(options: Partial<ConnectionEndpointOptions> = {}, csm = "7.01 2=200000 4="): Line {
    const line = new Line(options);
    line.expectWritten("7.01 *");
    line.receive(csm);
    return line;
  }

  receive(text: string): void {
    const message = parseMessage(fillLine(`CON 0000 ${text}`, this.#bindings));
    this.endpoint.receive(
      this.now,
      this.#framing === "stream" ? encodeStreamMessage(message) : encodeFrameMessage(message),
    );
  }

  expectWritten(text: string): void {
    const first = this.#written.shift();
    const actual = first === undefined ? "nothing" : formatMessage({ type: 0, messageId: 0, ...first }).slice(9);
    if (!matchLine(text, actual, this.#bindings)) expect(actual).toBe(fillLine(text, this.#bindings));
  }

  expectSilence(): void {
    expect(this.#written.map((message) => formatMessage({ type: 0, messageId: 0, ...message }))).toEqual([]);
  }

  advance(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let next = this.endpoint.nextDeadline(); next <= until; next = this.endpoint.nextDeadline()) {
      this.now = Math.max(this.now, next);
      this.endpoint.handleTimeout(this.now);
    }
    this.now = until;
  }

  #keep(bytes: Uint8Array): void {
    if (this.#framing === "frame") {
      this.#written.push(decodeFrameMessage(bytes.slice()));
      return;
    }
    this.#framer.push(bytes.slice());
    for (let message = this.#framer.next(); message !== undefined; message = this.#framer.next())
      this.#written.push(message);
  }
}

describe("signaling (RFC 8323 5)", () => {
  test("5.3: each side begins with a CSM that says what it takes", () => {
    const line = new Line({ maxMessageBytes: 65_536 });
    line.expectWritten("7.01 2=010000 etag=");
    expect(line.isReady).toBe(false);
    line.receive("7.01 2=0480");
    expect(line.isReady).toBe(true);
  });

  test("RFC 8974 2.2.1: longer tokens are announced where they are allowed", () => {
    // Number 6 is Observe elsewhere, which is how the notation writes it.
    new Line({ limits: { maxTokenLength: 1_000 } }).expectWritten("7.01 2=100000 etag= obs=1000");
  });

  test("5.3: a first message that is no CSM ends the connection with an Abort", () => {
    const line = new Line();
    line.expectWritten("7.01 *");
    line.receive("GET #01 /a");
    line.expectWritten('7.05 "the first message is not a CSM"');
    expect(line.closed).toBe("the first message is not a CSM");
  });

  test("5.3.1: a critical option in a CSM is named in the Abort", () => {
    const line = Line.open();
    line.receive("7.01 9=00");
    line.expectWritten('7.05 2=09 "option 9 is not understood"');
    expect(line.closed).toBeDefined();
  });

  test("5.4: a Ping is answered with a Pong of its token, with its Custody", () => {
    const line = Line.open();
    line.receive("7.02 #010203 2=");
    line.expectWritten("7.03 #010203 2=");
  });

  test("5.4: a ping ends with its Pong, no other", () => {
    const line = Line.open();
    const outcome = new Outcome();
    line.endpoint.ping(line.now, remote, outcome);
    line.expectWritten("7.02 #$t");
    line.receive("7.03 #ffff");
    expect(outcome.isEnded).toBe(false);
    line.receive("7.03 #$t");
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
  });

  test("a Pong without a token, as libcoap sends it, ends the oldest ping", () => {
    const line = Line.open();
    const outcomes = [new Outcome(), new Outcome()];
    for (const outcome of outcomes) line.endpoint.ping(line.now, remote, outcome);
    line.receive("7.03");
    expect(outcomes.map(({ isEnded }) => isEnded)).toEqual([true, false]);
  });

  test("5.5: after a Release what is pending is answered, then the connection is closed", () => {
    const inbox = new Inbox();
    const line = Line.open({ handler: inbox });
    line.receive("GET #01 /a");
    line.receive("7.04");
    expect(line.closed).toBeUndefined();
    inbox.take().respond(line.now, { code: Code.CONTENT });
    line.expectWritten("2.05 #01");
    line.advance(5_000);
    expect(line.closed).toBe("the peer released it");
  });

  test("5.5: after a Release with nothing pending it is closed at once", () => {
    const line = Line.open();
    line.receive("7.04");
    expect(line.closed).toBe("the peer released it");
  });

  test("5.6: an Abort ends the connection", () => {
    const outcome = new Outcome();
    const line = Line.open();
    line.endpoint.request(line.now, remote, { code: Code.GET }, outcome);
    line.receive("7.05");
    expect(line.closed).toBe("the peer aborted the connection");
    expect(outcome.failure?.reason).toBe("closed");
  });

  test("3.2: Empty messages are ignored, unknown signals too", () => {
    const line = Line.open();
    line.receive("Empty");
    line.receive("7.30");
    line.expectSilence();
    expect(line.closed).toBeUndefined();
  });

  test("3: a malformed stream is aborted", () => {
    const line = Line.open();
    line.endpoint.receive(line.now, Uint8Array.of(0x0f, 0x01));
    line.expectWritten("7.05 *");
    expect(line.closed).toBe("token length 15 is reserved");
  });

  test("closing releases the connection", () => {
    const line = Line.open();
    line.endpoint.close(line.now);
    line.expectWritten("7.04");
    expect(line.closed).toBe("closed");
  });

  test("5.4: a silent peer is pinged, and given up when it stays silent", () => {
    const line = Line.open({ keepAliveMs: 60_000 });
    line.advance(60_000);
    line.expectWritten("7.02 #$t");
    line.receive("7.03 #$t");
    line.advance(60_000);
    line.expectWritten("7.02 #$u");
    line.advance(60_000);
    expect(line.closed).toBe("the peer is silent");
  });
});

describe("requests and responses on a connection", () => {
  test("are seen by a tap, message by message", () => {
    const seen: string[] = [];
    const tap = {
      handleReceived: (bytes: Uint8Array) => seen.push(`< ${toHex(bytes)}`),
      handleSent: (bytes: Uint8Array) => seen.push(`> ${toHex(bytes)}`),
    };
    const line = Line.open({ tap, handler: answering(() => ({ code: Code.CONTENT })) });
    line.receive("GET #01");
    expect(seen).toEqual(["> 50e12310000020", "< 50e12320000020", "< 010101", "> 014501"]);
  });

  test("go by token alone, in any order", () => {
    const inbox = new Inbox();
    const line = Line.open({ handler: inbox });
    line.receive("GET #01 /a");
    line.receive("GET #02 /b");
    const [a, b] = [inbox.take(), inbox.take()];
    b.respond(line.now, { code: Code.CONTENT, payload: encodeUtf8("b") });
    a.respond(line.now, { code: Code.CONTENT, payload: encodeUtf8("a") });
    line.expectWritten('2.05 #02 "b"');
    line.expectWritten('2.05 #01 "a"');
    const outcomes = [new Outcome(), new Outcome()];
    for (const outcome of outcomes) line.endpoint.request(line.now, remote, { code: Code.GET }, outcome);
    line.expectWritten("GET #$t");
    line.expectWritten("GET #$u");
    line.receive('2.05 #$u "second"');
    line.receive('2.05 #$t "first"');
    expect(outcomes.map(({ texts }) => texts)).toEqual([["first"], ["second"]]);
  });

  test("unknown critical options are answered 4.02, No-Response is kept", () => {
    const line = Line.open({ handler: answering(() => ({ code: Code.CHANGED })) });
    line.receive("POST #01 65001=00");
    line.expectWritten("4.02 #01 *");
    line.receive("POST #02 no-response=2");
    line.expectSilence();
  });

  test("RFC 8323 6: large bodies go whole, or in several blocks of 1024 at a time, as the peer allows", () => {
    const handler = answering(({ payload }) => ({ code: Code.CONTENT, payload }));
    const whole = Line.open({ handler });
    whole.receive(`POST #01 [20000]`);
    whole.expectWritten("2.05 #01 [20000]");
    const bert = Line.open(
      { handler: answering(() => ({ code: Code.CONTENT, payload: body(10_000) })) },
      "7.01 2=1380 4=",
    );
    bert.receive("GET #01");
    bert.expectWritten("2.05 #01 2:0/1/1024 size2=10000 [4096]");
    bert.receive("GET #02 23=47");
    bert.expectWritten("2.05 #02 2:4/1/1024 [4096]");
    bert.receive("GET #03 23=87");
    bert.expectWritten("2.05 #03 2:8/0/1024 [1808]");
  });

  test("RFC 8323 6: a client sends and gets bodies in BERT blocks", () => {
    const line = Line.open({}, "7.01 2=1380 4=");
    const outcome = new Outcome();
    line.endpoint.request(line.now, remote, { code: Code.PUT, payload: body(10_000) }, outcome);
    line.expectWritten("PUT #$a 1:0/1/1024 size1=10000 tag=$t [4096]");
    line.receive("2.31 #$a 27=0f");
    line.expectWritten("PUT #$b 1:4/1/1024 tag=$t [4096]");
    line.receive("2.31 #$b 27=4f");
    line.expectWritten("PUT #$c 1:8/0/1024 tag=$t [1808]");
    line.receive("2.04 #$c 23=0f 27=87 [2048]");
    line.expectWritten("PUT #$d 2:2/0/1024 tag=$t");
    line.receive("2.04 #$d 2:2/0/1024 [952]");
    expect(outcome.responses[0]?.payload).toEqual(body(3_000));
  });

  test("a peer that takes no more than the base value gets blocks of 1024", () => {
    const line = Line.open({ handler: answering(() => ({ code: Code.CONTENT, payload: body(3_000) })) }, "7.01");
    line.receive("GET #01");
    line.expectWritten("2.05 #01 2:0/1/1024 size2=3000 [1024]");
  });

  test("observation needs neither acknowledgement nor Reset", () => {
    const subject = new Subject();
    const line = Line.open({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: encodeUtf8("0") });
        },
      },
    });
    line.receive("GET #01 obs=0");
    line.expectWritten('2.05 #01 obs=$a "0"');
    for (const text of ["1", "2", "3"]) subject.notify(line.now, { code: Code.CONTENT, payload: encodeUtf8(text) });
    for (const text of ["1", "2", "3"]) line.expectWritten(`2.05 #01 obs=$${text}x "${text}"`);
    line.receive("GET #01 obs=1");
    line.expectWritten('2.05 #01 "0"');
    expect(subject.observations.size).toBe(0);
  });

  test("a peer that does not read gets the latest state when it does", () => {
    const subject = new Subject();
    const line = Line.open({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT });
        },
      },
    });
    line.receive("GET #01 obs=0");
    line.expectWritten("2.05 #01 obs=$a");
    line.isCongested = true;
    for (const text of ["1", "2", "3"]) {
      subject.notify(line.now, { code: Code.CONTENT, payload: encodeUtf8(text) });
      line.advance(1_000);
    }
    line.expectSilence();
    line.isCongested = false;
    line.advance(1_000);
    line.expectWritten('2.05 #01 obs=$b "3"');
    line.expectSilence();
  });

  test("a peer that does not read loses nothing of what is made when its turn comes", () => {
    const subject = new Subject();
    const line = Line.open({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT });
        },
      },
    });
    line.receive("GET #01 obs=0");
    line.expectWritten("2.05 #01 obs=$a");
    const [observation] = subject.observations;
    const readings: string[] = [];
    line.isCongested = true;
    for (const text of ["1", "2", "3"]) {
      readings.push(text);
      observation?.notify(line.now, () => ({ code: Code.CONTENT, payload: encodeUtf8(readings.splice(0).join(" ")) }));
      line.advance(1_000);
    }
    line.expectSilence();
    line.isCongested = false;
    line.advance(1_000);
    line.expectWritten('2.05 #01 obs=$b "1"');
    line.expectWritten('2.05 #01 obs=$c "2 3"');
    line.expectSilence();
  });

  test("beyond the limit of pending requests the answer is 5.03", () => {
    const inbox = new Inbox();
    const line = Line.open({ handler: inbox, limits: { maxPendingRequests: 1 } });
    line.receive("GET #01");
    line.receive("GET #02");
    line.expectWritten("5.03 #02");
    inbox.take().respond(line.now, { code: Code.CONTENT });
    line.expectWritten("2.05 #01");
    line.receive("GET #03");
    expect(inbox.requests).toHaveLength(1);
  });

  test("on WebSocket messages are frames", () => {
    const line = Line.open({
      framing: "frame",
      handler: answering(() => ({ code: Code.CONTENT, payload: encodeUtf8("x") })),
    });
    line.receive("GET #01 /a");
    line.expectWritten('2.05 #01 "x"');
  });

  test("when the connection is gone, observers and requests are too", () => {
    const subject = new Subject();
    const line = Line.open({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT });
        },
      },
    });
    line.receive("GET #01 obs=0");
    const outcome = new Outcome();
    line.endpoint.request(line.now, remote, { code: Code.GET, options: Options.of([Option.OBSERVE, 0]) }, outcome);
    line.endpoint.handleClosed(line.now);
    expect(outcome.failure?.reason).toBe("closed");
    expect(subject.observations.size).toBe(0);
    expect(line.endpoint.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});
