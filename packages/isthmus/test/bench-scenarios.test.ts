import { decodePacket } from "@isthmus/mqtt/codec";
import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { adaptScenario } from "../src/bench/adapt-scenario.js";
import { parseBrokerUrl } from "../src/bench/fleet.js";
import { publishFrames } from "../src/bench/frames.js";
import { distributionOf } from "../src/bench/latency.js";
import { filterOf, topicOf } from "../src/bench/many-subscriptions.js";
import { findScenario, SCENARIOS } from "../src/bench/scenarios.js";

describe("scenarios", () => {
  it("are found by their names, and a wrong name gets the list of them", () => {
    for (const [name, scenario] of Object.entries(SCENARIOS)) expect(findScenario(name)).toBe(scenario);
    expect(() => findScenario("toString")).toThrow(/no scenario "toString"; there are 1:1, 10:10/);
  });

  it("take other numbers of the kinds that they have, within bounds", () => {
    expect(adaptScenario(findScenario("1:1"), { publishers: 7, payload: 0, qos: 2 })).toEqual({
      ...SCENARIOS["1:1"],
      publishers: 7,
      payloadSize: 0,
      qos: 2,
    });
    expect(() => adaptScenario(findScenario("idle"), { payload: 3 })).toThrow(/no payload/);
    expect(() => adaptScenario(findScenario("1:1"), { qos: 3 })).toThrow(/qos 3 is not from 0 to 2/);
    expect(() => adaptScenario(findScenario("1:1"), { publishers: 0 })).toThrow(RangeError);
    expect(() => adaptScenario(findScenario("latency-qos0"), { qos: 2 })).toThrow(/QoS 0 or 1/);
  });

  it("a subscription of the million matches its own device's topic and no other's", () => {
    const device = fc.oneof(fc.nat(999_999), fc.nat(60));
    fc.assert(
      fc.property(device, device, (one, other) => {
        const filter = parseTopicFilter(filterOf("run", one));
        expect(topicMatches(filter, parseTopicName(topicOf("run", one)))).toBe(true);
        expect(topicMatches(filter, parseTopicName(topicOf("run", other)))).toBe(one === other);
      }),
    );
  });

  it("the million mixes exact filters with both kinds of wildcards, seven to two to one", () => {
    const filters = Array.from({ length: 1000 }, (_, device) => filterOf("run", device));
    const count = (wildcard: string): number => filters.filter((filter) => filter.includes(wildcard)).length;
    expect([count("+"), count("#")]).toEqual([200, 100]);
  });
});

describe("prebuilt frames", () => {
  it("are whole PUBLISH packets of one size, with packet identifiers from 1", () => {
    const form = { qos: 1, payloadSize: 300, version: 5 } as const;
    const { bytes, count, frameSize } = publishFrames(["t/1", "t/2", "t/3"], form);
    expect(bytes).toHaveLength(count * frameSize);
    for (let i = 0; i < count; i++) {
      expect(decodePacket(bytes, i * frameSize, (i + 1) * frameSize, 5)).toMatchObject({
        type: "publish",
        topic: `t/${i + 1}`,
        qos: 1,
        packetIdentifier: i + 1,
        payload: expect.objectContaining({ length: 300 }),
      });
    }
  });

  it("topics of unlike length make no batch", () => {
    expect(() => publishFrames(["a", "bb"], { qos: 0, payloadSize: 1, version: 4 })).toThrow(/not as long as/);
  });
});

describe("broker URLs", () => {
  it.each([
    ["mqtt://localhost", { host: "localhost", port: 1883 }],
    ["mqtt://127.0.0.1:18830", { host: "127.0.0.1", port: 18_830 }],
    ["mqtt://[::1]:1884", { host: "::1", port: 1884 }],
  ])("%s", (url, address) => {
    expect(parseBrokerUrl(url)).toEqual(address);
  });

  it.each(["mqtts://localhost", "localhost:1883", "http://localhost", ""])("%j is refused", (url) => {
    expect(() => parseBrokerUrl(url)).toThrow(RangeError);
  });
});

describe("distributions", () => {
  it("have the median, the 99th percentile and the greatest of the samples, whatever their order", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 200 }, (_, i) => i),
          { minLength: 200 },
        ),
        (samples) => {
          expect(distributionOf(samples)).toEqual({ count: 200, p50: 100, p99: 198, max: 199 });
        },
      ),
    );
  });

  it("of nothing are zeros", () => {
    expect(distributionOf([])).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
  });
});
