import { describe, expect, it } from "vitest";
import { Code, formatCode, Option } from "../../src/codec/index.js";
import { Format } from "../../src/media/index.js";
import { CoapError } from "../../src/server/index.js";
import { ServerBench, summary } from "./server-bench.js";

describe("observable resources (RFC 7641)", () => {
  it("tell their observers when they change", () => {
    const bench = new ServerBench();
    let celsius = 20;
    const temperature = bench.server.resource("/temp", { get: () => celsius, isObservable: true });
    const { responses } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    for (celsius = 21; celsius < 24; celsius++) {
      temperature.notify();
      bench.network.runFor(100);
    }
    expect(responses.map(summary)).toEqual([20, 21, 22, 23].map((value) => `2.05 Content 0 ${value}`));
    expect(responses.every(({ isNotification }) => isNotification)).toBe(true);
  });

  it("ask the handler once for observers who asked for the same", () => {
    const bench = new ServerBench();
    const asked: (number | undefined)[] = [];
    const resource = bench.server.resource("/temp", {
      get: ({ accept, isNotification }) => {
        if (isNotification) asked.push(accept);
        return 20;
      },
      isObservable: true,
    });
    for (let i = 0; i < 5; i++) bench.send("/temp", { observe: 0 });
    const json = bench.send("/temp", { observe: 0, accept: Format.JSON });
    bench.network.runFor(100);
    expect(resource.observerCount).toBe(6);
    resource.notify();
    bench.network.runFor(100);
    // Of those who did not say, the Content-Format that they got at first.
    expect(asked).toEqual([Format.TEXT, Format.JSON]);
    expect(json.responses.map(summary)).toEqual(["2.05 Content 50 20", "2.05 Content 50 20"]);
  });

  it("take a value to tell, without asking the handler", () => {
    const bench = new ServerBench();
    const resource = bench.server.resource("/temp", { get: () => 20, isObservable: true });
    const { responses } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    resource.notify(21.5);
    bench.network.runFor(100);
    expect(responses.map(summary)).toEqual(["2.05 Content 0 20", "2.05 Content 0 21.5"]);
  });

  it("keep to the Content-Format of the first response, and end with 4.06 when they cannot (RFC 7641 4.2)", () => {
    const bench = new ServerBench();
    let value: unknown = "text";
    const resource = bench.server.resource("/a", { get: () => value, isObservable: true });
    const text = bench.send("/a", { observe: 0 });
    bench.network.runFor(100);
    value = 7;
    resource.notify();
    bench.network.runFor(100);
    value = { only: "JSON" };
    const json = bench.send("/a", { observe: 0 });
    resource.notify();
    bench.network.runFor(100);
    value = "again";
    resource.notify();
    bench.network.runFor(100);
    expect(text.responses.map(summary).slice(0, 2)).toEqual(["2.05 Content 0 text", "2.05 Content 0 7"]);
    expect(text.responses.slice(2).map(({ code }) => code)).toEqual([Code.NOT_ACCEPTABLE]);
    expect(json.responses.map(summary).at(-1)).toBe('2.05 Content 50 "again"');
  });

  it("tell who has a state already that it holds again: 2.03 (RFC 7641 3.3.2, figure 5)", () => {
    const bench = new ServerBench();
    let state = "on";
    const light = bench.server.resource("/light", { get: () => state, isObservable: true, hasContentEtag: true });
    const first = bench.send("/light");
    bench.network.runFor(100);
    const on = first.responses[0]?.options.bytes(Option.ETAG) ?? new Uint8Array();
    const { responses } = bench.send("/light", { observe: 0, options: [[Option.ETAG, on]] });
    bench.network.runFor(100);
    for (const next of ["off", "on"]) {
      state = next;
      light.notify();
      bench.network.runFor(100);
    }
    expect(responses.map(({ code }) => formatCode(code))).toEqual(["2.03", "2.05", "2.03"]);
    expect(responses.map(({ payload }) => payload.length)).toEqual([0, 3, 0]);
    expect(responses.every(({ isNotification }) => isNotification)).toBe(true);
    expect(responses[2]?.options.bytes(Option.ETAG)).toEqual(on);
  });

  it("tell those of one path, where a pattern stands for many", () => {
    const bench = new ServerBench();
    const rooms = bench.server.resource("/rooms/:room", { get: ({ params }) => params.room, isObservable: true });
    const [hall, attic] = ["/rooms/hall", "/rooms/attic"].map((path) => bench.send(path, { observe: 0 }));
    bench.network.runFor(100);
    rooms.notify(undefined, { path: "/rooms/attic" });
    bench.network.runFor(100);
    expect(hall?.responses.map(summary)).toEqual(["2.05 Content 0 hall"]);
    expect(attic?.responses.map(summary)).toEqual(["2.05 Content 0 attic", "2.05 Content 0 attic"]);
  });

  it("end with the error that their handler throws (RFC 7641 4.2)", () => {
    const bench = new ServerBench();
    let isGone = false;
    const resource = bench.server.resource("/temp", {
      get: () => {
        if (isGone) throw new CoapError(Code.NOT_FOUND, "unplugged");
        return 20;
      },
      isObservable: true,
    });
    const { responses, request } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    isGone = true;
    resource.notify();
    bench.network.runFor(100);
    expect(responses.map(summary)).toEqual(["2.05 Content 0 20", "4.04 Not Found unplugged"]);
    expect([request.isEnded, resource.observerCount]).toEqual([true, 0]);
  });

  it("end with 4.04 when they are removed", () => {
    const bench = new ServerBench();
    bench.server.resource("/temp", { get: () => 20, isObservable: true });
    const { responses } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    bench.server.remove("/temp");
    bench.network.runFor(100);
    expect(responses.map(({ code }) => code)).toEqual([Code.CONTENT, Code.NOT_FOUND]);
  });

  it("keep nothing of those who could not be entered", () => {
    const bench = new ServerBench();
    const rooms = bench.server.resource("/rooms/:room", {
      get: ({ params }) => {
        if (params.room !== "hall") throw new CoapError(Code.NOT_FOUND);
        return "hall";
      },
      isObservable: true,
    });
    for (let room = 0; room < 50; room++) bench.send(`/rooms/${room}`, { observe: 0 });
    bench.send("/rooms/hall", { observe: 0 });
    bench.network.runFor(1_000);
    expect([rooms.observerCount, rooms.observedPaths]).toEqual([1, ["/rooms/hall"]]);
  });

  it("tell a state that is the same as before only when they are not told otherwise", () => {
    const bench = new ServerBench();
    let value = 1;
    const define = (path: string, onlyNotifiesChanges: boolean) =>
      bench.server.resource(path, { get: () => value, isObservable: true, onlyNotifiesChanges });
    const resources = [define("/all", false), define("/changes", true)];
    const [all, changes] = ["/all", "/changes"].map((path) => bench.send(path, { observe: 0 }).responses);
    for (const next of [1, 2, 2]) {
      bench.network.runFor(100);
      value = next;
      for (const resource of resources) resource.notify();
    }
    bench.network.runFor(100);
    expect(all).toHaveLength(4);
    expect(changes?.map(summary)).toEqual(["2.05 Content 0 1", "2.05 Content 0 2"]);
  });

  it("forget observers who cancel", () => {
    const bench = new ServerBench();
    const resource = bench.server.resource("/temp", { get: () => 20, isObservable: true });
    const { request } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    expect(resource.observerCount).toBe(1);
    request.cancel(bench.network.now);
    bench.network.runFor(100);
    expect(resource.observerCount).toBe(0);
  });

  it("that are not observable answer as if Observe were not there (RFC 7641 4.1)", () => {
    const bench = new ServerBench();
    bench.server.get("/temp", () => 20);
    const { responses, request } = bench.send("/temp", { observe: 0 });
    bench.network.runFor(100);
    expect(responses.map(({ options }) => options.has(Option.OBSERVE))).toEqual([false]);
    expect(request.isEnded).toBe(true);
  });

  it("do not lose a change that comes while a slow handler is at work on the registration", async () => {
    const bench = new ServerBench();
    let value = "old";
    const gates: (() => void)[] = [];
    const resource = bench.server.resource("/slow", {
      get: async () => {
        const read = value;
        await new Promise<void>((resolve) => gates.push(resolve));
        return read;
      },
      isObservable: true,
    });
    // Somebody observes already, so that there is something to notify.
    bench.send("/slow", { observe: 0 });
    await bench.settle();
    gates.shift()?.();
    await bench.settle();
    const { responses } = bench.send("/slow", { observe: 0 });
    await bench.settle();
    value = "new";
    resource.notify();
    for (let i = 0; i < 4; i++) {
      gates.shift()?.();
      await bench.settle();
    }
    // That it is told twice does no harm.
    expect([...new Set(responses.map(summary))]).toEqual(["2.05 Content 0 old", "2.05 Content 0 new"]);
  });

  it("do not let a slow old state overtake a newer one", async () => {
    const bench = new ServerBench();
    let value = 0;
    const gates: (() => void)[] = [];
    const resource = bench.server.resource("/slow", {
      get: async ({ isNotification }) => {
        const read = value;
        if (isNotification) await new Promise<void>((resolve) => gates.push(resolve));
        return read;
      },
      isObservable: true,
    });
    const { responses } = bench.send("/slow", { observe: 0 });
    await bench.settle();
    for (value = 1; value <= 2; value++) resource.notify();
    // The second is done first.
    gates[1]?.();
    await bench.settle();
    gates[0]?.();
    await bench.settle();
    expect(responses.map(summary)).toEqual(["2.05 Content 0 0", "2.05 Content 0 2"]);
  });
});
