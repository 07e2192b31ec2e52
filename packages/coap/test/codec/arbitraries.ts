import fc from "fast-check";
import { Code, type CoapMessage, type DatagramMessage, MessageType, Options } from "../../src/codec/index.js";

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

const optionsArbitrary = fc
  .array(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 0xffff })), bytes(300)), {
    maxLength: 12,
  })
  .map((entries) => Options.of(...entries));

const code = fc.constantFrom(
  Code.GET,
  Code.POST,
  Code.IPATCH,
  Code.CONTENT,
  Code.CONTINUE,
  Code.NOT_FOUND,
  Code.HOP_LIMIT_REACHED,
);

export const messages: fc.Arbitrary<CoapMessage> = fc.record({
  code,
  token: bytes(8),
  options: optionsArbitrary,
  payload: bytes(400),
});

export const datagrams: fc.Arbitrary<DatagramMessage> = fc
  .tuple(messages, fc.constantFrom(...Object.values(MessageType)), fc.integer({ min: 0, max: 0xffff }))
  .map(([message, type, messageId]) => ({ type, messageId, ...message }));

/** What two messages have in common when they say the same. */
export function plain(message: CoapMessage): unknown {
  return {
    ...message,
    token: [...message.token],
    payload: [...message.payload],
    options: [...message.options].map(([n, v]) => [n, [...v]]),
  };
}
