import { encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { Code, Option, Options } from "../../src/codec/index.js";
import {
  type DatagramEndpointOptions,
  type IncomingRequest,
  type Observation,
  type ObservationEnd,
  type Response,
  Subject,
} from "../../src/endpoint/index.js";
import { far, Lockstep, Outcome } from "./lockstep.js";
import { body } from "./notation.js";

const temperature = Options.of([Option.URI_PATH, "temperature"]);
const observing = temperature.with(Option.OBSERVE, 0);

/** A server with one observable resource. */
class Thermometer {
  readonly ends: ObservationEnd[] = [];
  readonly subject = new Subject({ handleObservationEnd: (_now, _observation, reason) => this.ends.push(reason) });
  value = "18.5 C";
  readonly ladder: Lockstep;

  constructor(options: Partial<DatagramEndpointOptions> = {}) {
    this.ladder = new Lockstep({ handler: this, ...options });
  }

  handleRequest(now: number, request: IncomingRequest): void {
    request.observe(now, this.subject);
    request.respond(now, this.state());
  }

  state(): Response {
    return { code: Code.CONTENT, payload: encodeUtf8(this.value) };
  }

  change(value: string): void {
    this.value = value;
    this.subject.notify(this.ladder.now, this.state());
  }

  get observers(): readonly Observation[] {
    return [...this.subject.observations];
  }
}

describe("the server side of RFC 7641", () => {
  test("figures 2, 3: a client registers, gets the current state, then each new one", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("CON 1633 GET #4a obs=0 /temperature");
    ladder.expectSent('ACK 1633 2.05 #4a obs=$x "18.5 C"');
    ladder.advance(15_000);
    thermometer.change("19.2 C");
    ladder.expectSent('CON $m 2.05 #4a obs=$y "19.2 C"');
    expect(Number(ladder.bound("$y"))).toBeGreaterThan(Number(ladder.bound("$x")));
    ladder.receive("ACK $m");
    ladder.expectSilence();
  });

  test("4.5: notifications go as the registration came, unless the response or the policy says otherwise", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("NON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent('NON $a 2.05 #4a obs=$x "18.5 C"');
    thermometer.change("1");
    ladder.expectSent('NON $b 2.05 #4a obs=$y "1"');
    thermometer.subject.notify(ladder.now, { ...thermometer.state(), isConfirmable: true });
    ladder.expectSent('CON $c 2.05 #4a obs=$z "1"');
  });

  test("4.5.2: what is made when its turn comes holds all that came since, and is sent until it is acknowledged", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("ACK 0001 2.05 #4a *");
    const readings: string[] = [];
    const tell = (reading: string): void => {
      readings.push(reading);
      thermometer.observers[0]?.notify(ladder.now, () => ({
        code: Code.CONTENT,
        payload: encodeUtf8(readings.splice(0).join(" ")),
      }));
    };
    tell("1");
    ladder.expectSent('CON $a 2.05 #4a obs=$x "1"');
    tell("2");
    tell("3");
    ladder.expectSilence();
    ladder.advance(3_000);
    ladder.expectSent('CON $a 2.05 #4a obs=$x "1"');
    ladder.receive("ACK $a");
    ladder.expectSent('CON $b 2.05 #4a obs=$y "2 3"');
    ladder.receive("ACK $b");
    ladder.expectSilence();
  });

  test("3.6: Observe 1 takes the client off the list; the request is answered as any other", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("ACK 0001 2.05 #4a *");
    ladder.receive("CON 0002 GET #4a obs=1 /temperature");
    ladder.expectSent('ACK 0002 2.05 #4a "18.5 C"');
    expect(thermometer.ends).toEqual(["deregistered"]);
    thermometer.change("2");
    ladder.expectSilence();
    expect(ladder.endpoint.counters.observers).toBe(0);
  });

  test.each(["NON", "CON"])("3.6: a Reset to a %s notification takes the client off the list", (type) => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive(`${type} 0001 GET #4a obs=0 /temperature`);
    ladder.sent.length = 0;
    thermometer.change("2");
    ladder.expectSent(`${type} $m 2.05 *`);
    ladder.receive("RST $m");
    expect(thermometer.ends).toEqual(["reset"]);
    thermometer.change("3");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("4.5: a Confirmable notification that is never acknowledged takes the client off the list", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    thermometer.change("2");
    ladder.advance(93_000);
    expect(thermometer.ends).toEqual(["timeout"]);
    expect(thermometer.observers).toEqual([]);
  });

  test("4.5.2: while a notification is under way the latest state waits, and older ones are skipped", () => {
    const thermometer = new Thermometer({ parameters: { ackRandomFactor: 1 } });
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("ACK 0001 2.05 #4a *");
    thermometer.change("1");
    ladder.expectSent('CON $a 2.05 #4a obs=$x "1"');
    thermometer.change("2");
    thermometer.change("3");
    ladder.expectSilence();
    ladder.receive("ACK $a");
    ladder.expectSent('CON $b 2.05 #4a obs=$y "3"');
    ladder.receive("ACK $b");
    ladder.expectSilence();
  });

  test("4.5.2: a retransmission takes up the latest state as a new message, with the attempts that are left", () => {
    const thermometer = new Thermometer({ parameters: { ackRandomFactor: 1 } });
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("ACK 0001 2.05 #4a *");
    thermometer.change("1");
    ladder.expectSent('CON $a 2.05 #4a obs=$x "1"');
    thermometer.change("2");
    ladder.advance(2_000);
    ladder.expectSent('CON $b 2.05 #4a obs=$y "2"');
    expect(ladder.bound("$b")).not.toBe(ladder.bound("$a"));
    ladder.advance(4_000);
    ladder.expectSent('CON $b 2.05 #4a obs=$y "2"');
    ladder.advance(8_000 + 16_000);
    expect(ladder.sent).toHaveLength(2);
    ladder.advance(32_000);
    expect(thermometer.ends).toEqual(["timeout"]);
  });

  test("4.2: an error notification ends the observation", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("NON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("NON $a 2.05 #4a *");
    thermometer.subject.end(ladder.now, { code: Code.NOT_FOUND });
    ladder.expectSent("NON $b 4.04 #4a");
    expect(thermometer.ends).toEqual(["error-response"]);
    ladder.expectSilence();
  });

  test("4.1: a registration that is answered with an error is none", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.NOT_FOUND });
        },
      },
    });
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("ACK 0001 4.04 #4a");
    expect(subject.observations.size).toBe(0);
  });

  test("4.1: registering again with the same token replaces the entry, with another adds one", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.receive("CON 0002 GET #4a obs=0 /temperature");
    ladder.receive("CON 0003 GET #4b obs=0 /temperature");
    expect(thermometer.ends).toEqual(["replaced"]);
    expect(thermometer.observers).toHaveLength(2);
  });

  test("4.5: a client that is notified Non-confirmably is asked for an acknowledgement once in 24 hours", () => {
    const thermometer = new Thermometer();
    const { ladder } = thermometer;
    ladder.receive("NON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("NON $z 2.05 *");
    ladder.advance(24 * 3_600_000 - 1);
    thermometer.change("1");
    ladder.expectSent("NON $a 2.05 *");
    ladder.advance(1);
    thermometer.change("2");
    ladder.expectSent("CON $b 2.05 *");
    ladder.receive("ACK $b");
    thermometer.change("3");
    ladder.expectSent("NON $c 2.05 *");
  });

  test("4.5.1: with a least interval, notifications wait and the latest state goes out", () => {
    const thermometer = new Thermometer({ notifications: { minIntervalMs: 3_000 } });
    const { ladder } = thermometer;
    ladder.receive("NON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent("NON $z 2.05 *");
    thermometer.change("1");
    ladder.expectSent('NON $a 2.05 #4a obs=$v "1"');
    thermometer.change("2");
    ladder.advance(1_000);
    thermometer.change("3");
    ladder.expectSilence();
    ladder.advance(2_000);
    ladder.expectSent('NON $b 2.05 #4a obs=$w "3"');
    ladder.advance(60_000);
    ladder.expectSilence();
  });

  test("4.4: the sequence follows the clock, so that it grows across a restart of the server", () => {
    const subject = new Subject();
    const first = subject.nextSequence(1_000_000);
    expect(subject.nextSequence(1_000_000)).toBe(first + 1);
    expect(new Subject().nextSequence(1_000_500)).toBeGreaterThan(first + 1);
    // 2^24 ticks of 8 ms are one turn of the counter, of which half is told as ahead.
    expect(subject.nextSequence(2 ** 23 * 8)).toBe(2 ** 23);
    expect(subject.nextSequence(2 ** 24 * 8)).toBe(0);
  });

  test("beyond the limit of observers a registration is answered as a plain request", () => {
    const thermometer = new Thermometer({ limits: { maxObservers: 1 } });
    const { ladder } = thermometer;
    ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    ladder.expectSent('ACK 0001 2.05 #4a obs=$x "18.5 C"');
    ladder.receive("CON 0002 GET #4b obs=0 /temperature");
    ladder.expectSent('ACK 0002 2.05 #4b "18.5 C"');
  });

  test("RFC 7959 figure 12: a notification carries its first block, the rest is asked for", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      blockSizeBytes: 128,
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: body(300) });
        },
      },
    });
    ladder.receive("CON 0001 GET #4a obs=0 /status");
    ladder.expectSent("ACK 0001 2.05 #4a obs=$x 2:0/1/128 size2=300 [128]");
    ladder.receive("CON 0002 GET #4b /status 2:1/0/128");
    ladder.expectSent("ACK 0002 2.05 #4b 2:1/1/128 [128]");
    subject.notify(ladder.now, { code: Code.CONTENT, payload: body(200) });
    ladder.expectSent("CON $m 2.05 #4a obs=$y 2:0/1/128 size2=200 [128]");
    ladder.receive("ACK $m");
    ladder.receive("CON 0003 GET #4c /status 2:1/0/128");
    ladder.expectSent("ACK 0003 2.05 #4c 2:1/0/128 [72]");
  });

  test("RFC 7959 figure 13: blocks of a notification have the size that the registration asked for", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      blockSizeBytes: 128,
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: body(100) });
        },
      },
    });
    ladder.receive("CON 0001 GET #4a obs=0 /status 2:0/0/64");
    ladder.expectSent("ACK 0001 2.05 #4a obs=$x 2:0/1/64 size2=100 [64]");
    ladder.receive("CON 0002 GET #4b /status 2:1/0/64");
    ladder.expectSent("ACK 0002 2.05 #4b 2:1/0/64 *");
    subject.notify(ladder.now, { code: Code.CONTENT, payload: body(150) });
    ladder.expectSent("CON $m 2.05 #4a obs=$y 2:0/1/64 size2=150 [64]");
    ladder.receive("ACK $m");
    ladder.receive("CON 0003 GET #4c /status 2:1/0/64");
    ladder.expectSent("ACK 0003 2.05 #4c 2:1/1/64 [64]");
    ladder.receive("CON 0004 GET #4d /status 2:2/0/64");
    ladder.expectSent("ACK 0004 2.05 #4d 2:2/0/64 *");
  });

  test("closing drops all observers", () => {
    const thermometer = new Thermometer();
    thermometer.ladder.receive("CON 0001 GET #4a obs=0 /temperature");
    thermometer.ladder.endpoint.close(thermometer.ladder.now);
    expect(thermometer.ends).toEqual(["closed"]);
  });
});

describe("the client side of RFC 7641", () => {
  test("figure 2: registration, notifications, cancellation", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t obs=9 max-age=15 "18.5 C"');
    ladder.receive('NON 7b50 2.05 #$t obs=16 max-age=15 "19.2 C"');
    ladder.expectSilence();
    ladder.receive('CON 7b51 2.05 #$t obs=20 max-age=15 "19.7 C"');
    ladder.expectSent("ACK 7b51");
    expect(outcome.texts).toEqual(["18.5 C", "19.2 C", "19.7 C"]);
    expect(outcome.responses.every(({ isNotification }) => isNotification)).toBe(true);
    request.cancel(ladder.now);
    ladder.expectSent("CON $n GET #$t obs=1 /temperature");
    expect(outcome.failure?.reason).toBe("cancelled");
    ladder.receive('CON 7b52 2.05 #$t obs=30 "20.0 C"');
    ladder.expectSent("RST 7b52");
  });

  test("3.4: a notification that was overtaken is not told", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t obs=10 max-age=1000 "a"');
    ladder.receive('NON 0001 2.05 #$t obs=12 max-age=1000 "c"');
    ladder.receive('CON 0002 2.05 #$t obs=11 max-age=1000 "b"');
    ladder.expectSent("ACK 0002");
    expect(outcome.texts).toEqual(["a", "c"]);
    // RFC 7641 3.4: beyond 128 s whatever comes is newer.
    ladder.advance(128_001);
    ladder.receive('NON 0003 2.05 #$t obs=11 max-age=1000 "d"');
    expect(outcome.texts).toEqual(["a", "c", "d"]);
  });

  test("figure 4, 3.3.1: without news for longer than Max-Age the client registers again, with the same token", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t obs=65 max-age=15 "18.5 C"');
    ladder.advance(20_000 - 1);
    ladder.expectSilence();
    ladder.advance(10_001);
    ladder.expectSent("CON $n GET #$t obs=0 /temperature");
    ladder.receive('ACK $n 2.05 #$t obs=66 max-age=15 "19.0 C"');
    ladder.receive('NON 0001 2.05 #$t obs=67 max-age=15 "20.0 C"');
    expect(outcome.texts).toEqual(["18.5 C", "19.0 C", "20.0 C"]);
  });

  test("a server that is gone when the client registers again ends the observation", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t obs=65 max-age=15 "18.5 C"');
    ladder.advance(125_000);
    expect(outcome).toMatchObject({ failure: { reason: "timeout" }, endCount: 1 });
  });

  test("3.2: a response without Observe is the only one", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t "18.5 C"');
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
    expect(outcome.responses[0]?.isNotification).toBe(false);
  });

  test("4.2: an error response is the last", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive('ACK $m 2.05 #$t obs=1 "18.5 C"');
    ladder.receive("CON 0001 4.04 #$t");
    ladder.expectSent("ACK 0001");
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.CONTENT, Code.NOT_FOUND]);
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
  });

  test("RFC 7959 2.6: the rest of a notification in blocks is fetched; a newer one takes its place", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: observing }, outcome);
    ladder.expectSent("CON $m GET #$t obs=0 /temperature");
    ladder.receive("ACK $m 2.05 #$t obs=1 2:0/1/16 [16]");
    ladder.expectSent("CON $n GET #$u /temperature 2:1/0/16");
    ladder.receive("ACK $n 2.05 #$u 2:1/0/16 [4]");
    ladder.receive("NON 0001 2.05 #$t obs=2 2:0/1/16 [16]");
    ladder.expectSent("CON $o GET #$v /temperature 2:1/0/16");
    ladder.receive('NON 0002 2.05 #$t obs=3 "short"');
    ladder.receive("ACK $o 2.05 #$v 2:1/0/16 [4]");
    expect(outcome.responses.map(({ payload }) => payload.length)).toEqual([20, 5]);
  });
});
