import { MqttProtocolError, malformedPacket, protocolError } from "./errors.js";
import { PacketReader } from "./packet-reader.js";
import { PacketWriter } from "./packet-writer.js";
import type { PacketType } from "./packets.js";
import { WIRE_TYPES, type WireType, type WireValue } from "./property-wire-types.js";
import { ReasonCode } from "./reason-codes.js";

/** Where properties stand: in a packet, or in the will of CONNECT (3.1.3.2). */
export type PropertyPlace = Exclude<PacketType, "pingreq" | "pingresp"> | "will";

const EVERYWHERE = [
  "connect",
  "connack",
  "publish",
  "will",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "disconnect",
  "auth",
] as const satisfies readonly PropertyPlace[];

interface PropertyDefinition {
  readonly identifier: number;
  readonly wireType: WireType;
  readonly places: readonly PropertyPlace[];
  /** Where it may stand more than once; its value is a list then, in every place. */
  readonly repeatsIn?: readonly PropertyPlace[];
  /** The reason code for a value of 0, where 0 is not allowed. */
  readonly reasonForZero?: number;
}

/** Every property of MQTT 5.0 (2.2.2.2). */
export const PROPERTIES = {
  payloadFormatIndicator: { identifier: 0x01, wireType: "flag", places: ["publish", "will"] },
  messageExpiryInterval: { identifier: 0x02, wireType: "uint32", places: ["publish", "will"] },
  contentType: { identifier: 0x03, wireType: "text", places: ["publish", "will"] },
  responseTopic: { identifier: 0x08, wireType: "topicName", places: ["publish", "will"] },
  correlationData: { identifier: 0x09, wireType: "binary", places: ["publish", "will"] },
  subscriptionIdentifiers: {
    identifier: 0x0b,
    wireType: "variableByteInteger",
    places: ["publish", "subscribe"],
    repeatsIn: ["publish"],
    reasonForZero: ReasonCode.protocolError,
  },
  sessionExpiryInterval: { identifier: 0x11, wireType: "uint32", places: ["connect", "connack", "disconnect"] },
  assignedClientIdentifier: { identifier: 0x12, wireType: "text", places: ["connack"] },
  serverKeepAlive: { identifier: 0x13, wireType: "uint16", places: ["connack"] },
  authenticationMethod: { identifier: 0x15, wireType: "text", places: ["connect", "connack", "auth"] },
  authenticationData: { identifier: 0x16, wireType: "binary", places: ["connect", "connack", "auth"] },
  requestProblemInformation: { identifier: 0x17, wireType: "flag", places: ["connect"] },
  willDelayInterval: { identifier: 0x18, wireType: "uint32", places: ["will"] },
  requestResponseInformation: { identifier: 0x19, wireType: "flag", places: ["connect"] },
  responseInformation: { identifier: 0x1a, wireType: "text", places: ["connack"] },
  serverReference: { identifier: 0x1c, wireType: "text", places: ["connack", "disconnect"] },
  reasonString: {
    identifier: 0x1f,
    wireType: "text",
    places: ["connack", "puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "disconnect", "auth"],
  },
  receiveMaximum: {
    identifier: 0x21,
    wireType: "uint16",
    places: ["connect", "connack"],
    reasonForZero: ReasonCode.protocolError,
  },
  topicAliasMaximum: { identifier: 0x22, wireType: "uint16", places: ["connect", "connack"] },
  topicAlias: {
    identifier: 0x23,
    wireType: "uint16",
    places: ["publish"],
    reasonForZero: ReasonCode.topicAliasInvalid, // [MQTT-3.3.2-8]
  },
  maximumQoS: { identifier: 0x24, wireType: "bit", places: ["connack"] },
  retainAvailable: { identifier: 0x25, wireType: "flag", places: ["connack"] },
  userProperties: { identifier: 0x26, wireType: "textPair", places: EVERYWHERE, repeatsIn: EVERYWHERE },
  maximumPacketSize: {
    identifier: 0x27,
    wireType: "uint32",
    places: ["connect", "connack"],
    reasonForZero: ReasonCode.protocolError,
  },
  wildcardSubscriptionAvailable: { identifier: 0x28, wireType: "flag", places: ["connack"] },
  subscriptionIdentifiersAvailable: { identifier: 0x29, wireType: "flag", places: ["connack"] },
  sharedSubscriptionAvailable: { identifier: 0x2a, wireType: "flag", places: ["connack"] },
} as const satisfies Record<string, PropertyDefinition>;

/** The name of a property, such as `sessionExpiryInterval`. */
export type PropertyName = keyof typeof PROPERTIES;

type PropertyValue<N extends PropertyName> = (typeof PROPERTIES)[N] extends { readonly repeatsIn: unknown }
  ? readonly WireValue<(typeof PROPERTIES)[N]["wireType"]>[]
  : WireValue<(typeof PROPERTIES)[N]["wireType"]>;

/**
 * The properties of an MQTT 5.0 packet by name; absent is undefined. Intervals are in seconds, sizes in bytes.
 * `userProperties` and `subscriptionIdentifiers` are lists in wire order; binary values are views on the packet.
 */
export type Properties = { readonly [N in PropertyName]?: PropertyValue<N> | undefined };

/**
 * Reads the properties that begin with their length at the reader's offset; undefined when there are none.
 *
 * @throws MqttProtocolError for an unknown, misplaced, repeated or malformed property (2.2.2.2).
 */
export function readProperties(reader: PacketReader, place: PropertyPlace): Properties | undefined {
  const length = reader.variableByteInteger();
  const start = reader.offset;
  reader.skip(length);
  return decodeProperties(reader.bytes, start, start + length, place);
}

/** As {@link readProperties}, of the bytes behind the length. */
export function decodeProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  place: PropertyPlace,
): Properties | undefined {
  if (start === end) return undefined;
  const reader = new PacketReader(bytes, start, end);
  const values: { [N in PropertyName]?: unknown } = {};
  while (reader.remaining > 0) {
    const name = readName(reader, place);
    const definition: PropertyDefinition = PROPERTIES[name];
    const value = WIRE_TYPES[definition.wireType].read(reader, name);
    if (value === 0 && definition.reasonForZero !== undefined)
      throw new MqttProtocolError(definition.reasonForZero, `${name} is 0`);
    const repeated = values[name];
    if (repeated !== undefined && !definition.repeatsIn?.includes(place)) {
      throw protocolError(`${name} stands more than once in ${place}`);
    }
    if (definition.repeatsIn === undefined) values[name] = value;
    else if (Array.isArray(repeated)) repeated.push(value);
    else values[name] = [value];
  }
  checkAuthentication(values);
  // Every value was read by the wire type that the property's type derives from.
  return values as Properties;
}

function readName(reader: PacketReader, place: PropertyPlace): PropertyName {
  const identifier = reader.variableByteInteger();
  const name = NAME_BY_IDENTIFIER.get(identifier);
  if (name === undefined) throw malformedPacket(`property identifier ${identifier} is not defined`);
  const definition: PropertyDefinition = PROPERTIES[name];
  if (!definition.places.includes(place)) throw malformedPacket(`${name} does not belong in ${place}`);
  return name;
}

/** 3.1.2.11.10, 3.2.2.3.18: data without a method is a Protocol Error. */
function checkAuthentication(values: { [N in PropertyName]?: unknown }): void {
  if (values.authenticationData !== undefined && values.authenticationMethod === undefined) {
    throw protocolError("authenticationData stands without authenticationMethod");
  }
}

/** Writes the length and the properties; a packet without properties has the length 0. */
export function writeProperties(writer: PacketWriter, properties: Properties | undefined, place: PropertyPlace): void {
  const encoded = encodeProperties(properties, place);
  writer.variableByteInteger("the length of properties", encoded.length).append(encoded);
}

/**
 * The bytes of `properties` as they stand behind their length.
 *
 * @throws TypeError for a property that `place` has no room for.
 * @throws RangeError for a value that does not fit.
 */
export function encodeProperties(properties: Properties | undefined, place: PropertyPlace): Uint8Array {
  if (properties === undefined) return NO_BYTES;
  const writer = new PacketWriter();
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const name = parseName(key, place);
    const definition: PropertyDefinition = PROPERTIES[name];
    if (definition.repeatsIn === undefined) {
      writeProperty(writer, name, definition, value);
      continue;
    }
    // A repeatable property's value is a list of values of its wire type.
    const values = value as readonly unknown[];
    if (values.length > 1 && !definition.repeatsIn.includes(place)) {
      throw new RangeError(`${name} may stand only once in ${place}, not ${values.length} times`);
    }
    for (const item of values) writeProperty(writer, name, definition, item);
  }
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw new TypeError("authenticationData needs authenticationMethod");
  }
  return writer.view();
}

function parseName(key: string, place: PropertyPlace): PropertyName {
  if (!Object.hasOwn(PROPERTIES, key)) throw new TypeError(`${key} is not a property of MQTT 5.0`);
  // Just checked.
  const name = key as PropertyName;
  const definition: PropertyDefinition = PROPERTIES[name];
  if (!definition.places.includes(place)) throw new TypeError(`${name} does not belong in ${place}`);
  return name;
}

function writeProperty(writer: PacketWriter, name: PropertyName, definition: PropertyDefinition, value: unknown): void {
  if (value === 0 && definition.reasonForZero !== undefined) throw new RangeError(`${name} must not be 0`);
  // Identifiers are variable byte integers, and all below 128.
  writer.uint8(definition.identifier);
  WIRE_TYPES[definition.wireType].write(writer, name, value);
}

const NO_BYTES = new Uint8Array(0);

const NAME_BY_IDENTIFIER: ReadonlyMap<number, PropertyName> = new Map(
  // The keys of PROPERTIES are the property names.
  Object.entries(PROPERTIES).map(([name, { identifier }]) => [identifier, name as PropertyName]),
);
