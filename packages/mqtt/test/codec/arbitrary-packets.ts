import * as fc from "fast-check";

import type { Packet, ProtocolVersion, QoS, Will } from "../../src/codec/packets.js";
import { type Properties, PROPERTIES, type PropertyPlace } from "../../src/codec/properties.js";
import type { WireType } from "../../src/codec/property-wire-types.js";
import { CONNECT_RETURN_CODES, REASON_CODES, type ReasonPacket } from "../../src/codec/reason-codes.js";

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !value.includes("\0"));
const bytes = fc.uint8Array({ maxLength: 40 });
const topicName = text.map((value) => value.replaceAll(/[+#]/g, "/") || "t");
const topicFilter = fc.oneof(topicName, fc.constantFrom("#", "+", "a/+/b", "$share/g/a/#", "+/+"));
const qos = fc.constantFrom<QoS>(0, 1, 2);
const packetIdentifier = fc.integer({ min: 1, max: 65_535 });

const VALUES: Readonly<Record<WireType, fc.Arbitrary<unknown>>> = {
  flag: fc.boolean(),
  bit: fc.constantFrom(0, 1),
  uint16: fc.integer({ min: 1, max: 0xffff }),
  uint32: fc.integer({ min: 1, max: 0xffff_ffff }),
  variableByteInteger: fc.integer({ min: 1, max: 268_435_455 }),
  text,
  topicName,
  textPair: fc.tuple(text, text),
  binary: bytes,
};

/** Properties with any of those that may stand in `place`, or none. */
export function arbitraryProperties(place: PropertyPlace): fc.Arbitrary<Properties | undefined> {
  const values: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, definition] of Object.entries(PROPERTIES)) {
    const places: readonly PropertyPlace[] = definition.places;
    if (!places.includes(place)) continue;
    const value = VALUES[definition.wireType];
    const repeats: readonly PropertyPlace[] | undefined = "repeatsIn" in definition ? definition.repeatsIn : undefined;
    values[name] =
      repeats === undefined ? value : fc.array(value, { minLength: 1, maxLength: repeats.includes(place) ? 3 : 1 });
  }
  return fc.record(values, { requiredKeys: [], noNullPrototype: true }).map((properties) => {
    if (properties["authenticationData"] !== undefined) properties["authenticationMethod"] ??= "m";
    return Object.keys(properties).length === 0 ? undefined : properties;
  });
}

function reasonCode(packet: ReasonPacket): fc.Arbitrary<number> {
  const codes = Object.values(REASON_CODES)
    .filter(({ packets }) => (packets as readonly ReasonPacket[]).includes(packet))
    .map(({ code }) => code);
  return fc.constantFrom(...codes);
}

/** A record with the prototype of an object literal, as the decoder makes them. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true });
}

const none = fc.constant(undefined);

/** Any packet that `version` can say, as `decodePacket` would give it. */
export function arbitraryPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const is5 = version === 5;
  const properties = (place: PropertyPlace) => (is5 ? arbitraryProperties(place) : none);
  const reason = (packet: ReasonPacket) => (is5 ? reasonCode(packet) : fc.constant(0));
  const codes = (packet: ReasonPacket, before5: readonly number[]) =>
    fc.array(is5 ? reasonCode(packet) : fc.constantFrom(...before5), { minLength: 1, maxLength: 4 });

  const will: fc.Arbitrary<Will> = record({
    topic: topicName,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: properties("will"),
  });
  const connect = record({
    type: fc.constant("connect" as const),
    protocolVersion: fc.constant(version),
    clientId: text,
    cleanStart: fc.boolean(),
    keepAlive: fc.integer({ min: 0, max: 65_535 }),
    username: fc.option(text, { nil: undefined }),
    password: fc.option(bytes, { nil: undefined }),
    will: fc.option(will, { nil: undefined }),
    properties: properties("connect"),
    isBridge: is5 ? none : fc.constantFrom(true, undefined),
  }).map((packet) => (is5 || packet.username !== undefined ? packet : { ...packet, password: undefined }));

  const connack = record({
    type: fc.constant("connack" as const),
    sessionPresent: fc.boolean(),
    reasonCode: is5
      ? reasonCode("connack")
      : fc.constantFrom(...Object.values(CONNECT_RETURN_CODES).map(({ code }) => code)),
    properties: properties("connack"),
  }).map((packet) => ({
    ...packet,
    sessionPresent: version !== 3 && packet.sessionPresent && packet.reasonCode === 0,
  }));

  const publish = record({
    type: fc.constant("publish" as const),
    topic: topicName,
    payload: fc.uint8Array({ maxLength: 300 }),
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetIdentifier,
    properties: properties("publish"),
  }).map((packet) => (packet.qos === 0 ? { ...packet, dup: false, packetIdentifier: undefined } : packet));

  const acknowledgement = fc
    .constantFrom("puback" as const, "pubrec" as const, "pubrel" as const, "pubcomp" as const)
    .chain((type) =>
      record({ type: fc.constant(type), packetIdentifier, reasonCode: reason(type), properties: properties(type) }),
    );

  const subscription = record({
    topicFilter,
    qos,
    noLocal: is5 ? fc.boolean() : fc.constant(false),
    retainAsPublished: is5 ? fc.boolean() : fc.constant(false),
    retainHandling: is5 ? fc.constantFrom<0 | 1 | 2>(0, 1, 2) : fc.constant<0>(0),
  }).map((one) => ({ ...one, noLocal: one.noLocal && !one.topicFilter.startsWith("$share/") }));

  return fc.oneof(
    connect,
    connack,
    publish,
    acknowledgement,
    record({
      type: fc.constant("subscribe" as const),
      packetIdentifier,
      subscriptions: fc.array(subscription, { minLength: 1, maxLength: 4 }),
      properties: properties("subscribe"),
    }),
    record({
      type: fc.constant("suback" as const),
      packetIdentifier,
      reasonCodes: codes("suback", [0, 1, 2, 0x80]),
      properties: properties("suback"),
    }),
    record({
      type: fc.constant("unsubscribe" as const),
      packetIdentifier,
      topicFilters: fc.array(topicFilter, { minLength: 1, maxLength: 4 }),
      properties: properties("unsubscribe"),
    }),
    record({
      type: fc.constant("unsuback" as const),
      packetIdentifier,
      reasonCodes: is5 ? codes("unsuback", []) : fc.constant([]),
      properties: properties("unsuback"),
    }),
    fc.constantFrom<Packet>({ type: "pingreq" }, { type: "pingresp" }),
    record({
      type: fc.constant("disconnect" as const),
      reasonCode: reason("disconnect"),
      properties: properties("disconnect"),
    }),
    ...(is5 ? [arbitraryAuth] : []),
  );
}

const arbitraryAuth = record({
  type: fc.constant("auth" as const),
  reasonCode: reasonCode("auth"),
  properties: arbitraryProperties("auth").map((properties) => ({ authenticationMethod: "m", ...properties })),
});
