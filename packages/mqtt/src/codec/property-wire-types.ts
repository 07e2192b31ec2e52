import { parseTopicName, parseTopicNameBytes } from "../topics/topic-name.js";
import { MAX_VARIABLE_BYTE_INTEGER } from "./constants.js";
import { protocolError } from "./errors.js";
import type { PacketReader } from "./packet-reader.js";
import { checkInteger, type PacketWriter } from "./packet-writer.js";

/** How a value is read and written; `name` says in an error which property's it is. */
interface WireTypeDefinition {
  /** @throws MqttProtocolError */
  read(reader: PacketReader, name: string): unknown;
  /** @throws TypeError, RangeError or TopicSyntaxError */
  write(writer: PacketWriter, name: string, value: unknown): unknown;
}

/** The wire types of properties (2.2.2.2); what `read` returns is what a property is in TypeScript. */
export const WIRE_TYPES = {
  /** A byte that is 0 or 1 and answers yes or no. */
  flag: {
    read: (reader, name) => readBit(reader, name) === 1,
    write: (writer, name, value) => writer.uint8(checkBoolean(name, value) ? 1 : 0),
  },
  /** A byte that is 0 or 1 and counts. */
  bit: {
    read: (reader, name) => readBit(reader, name),
    write: (writer, name, value) => writer.uint8(checkNumber(name, value, 1)),
  },
  uint16: {
    read: (reader) => reader.uint16(),
    write: (writer, name, value) => writer.uint16(checkNumber(name, value, 0xffff)),
  },
  uint32: {
    read: (reader) => reader.uint32(),
    write: (writer, name, value) => writer.uint32(checkNumber(name, value, 0xffff_ffff)),
  },
  variableByteInteger: {
    read: (reader) => reader.variableByteInteger(),
    write: (writer, name, value) =>
      writer.variableByteInteger(name, checkNumber(name, value, MAX_VARIABLE_BYTE_INTEGER)),
  },
  text: {
    read: (reader, name) => reader.text(name),
    write: (writer, name, value) => writer.text(name, checkText(name, value)),
  },
  /** A text that is a topic name. */
  topicName: {
    read: (reader): string => parseTopicNameBytes(reader.binary()),
    write: (writer, name, value) => writer.text(name, parseTopicName(checkText(name, value))),
  },
  textPair: {
    read: (reader, name): readonly [name: string, value: string] => [reader.text(name), reader.text(name)],
    write: (writer, name, value) => {
      const [key, text] = checkPair(name, value);
      return writer.text(name, checkText(name, key)).text(name, checkText(name, text));
    },
  },
  binary: {
    read: (reader) => reader.binary(),
    write: (writer, name, value) => writer.binary(name, checkBytes(name, value)),
  },
} as const satisfies Record<string, WireTypeDefinition>;

/** The name of a wire type. */
export type WireType = keyof typeof WIRE_TYPES;

/** What a value of wire type `W` is in TypeScript. */
export type WireValue<W extends WireType> = ReturnType<(typeof WIRE_TYPES)[W]["read"]>;

function readBit(reader: PacketReader, name: string): 0 | 1 {
  const value = reader.uint8();
  if (value === 0 || value === 1) return value;
  throw protocolError(`${name} is ${value}, neither 0 nor 1`);
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name} is not a boolean`);
  return value;
}

function checkNumber(name: string, value: unknown, max: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} is not a number`);
  checkInteger(name, value, 0, max);
  return value;
}

function checkText(name: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`${name} is not a string`);
  return value;
}

function checkPair(name: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== 2) throw new TypeError(`${name} is not a list of pairs`);
  return value;
}

function checkBytes(name: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} is not a Uint8Array`);
  return value;
}
