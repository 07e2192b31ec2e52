import { fromHex } from "@isthmus/bytes";
import { describe, expect, expectTypeOf, test } from "vitest";

import { peekProtocolVersion } from "../../src/codec/connect.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import { type Properties, PROPERTIES } from "../../src/codec/properties.js";
import {
  connectReturnCode,
  isReasonCodeOf,
  REASON_CODES,
  ReasonCode,
  type ReasonPacket,
  reasonName,
} from "../../src/codec/reason-codes.js";

/** Table 2-6 of MQTT 5.0, turned: the codes that each packet may carry. */
const CODES_BY_PACKET: Readonly<Record<ReasonPacket, string>> = {
  connack: "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
  puback: "00 10 80 83 87 90 91 97 99",
  pubrec: "00 10 80 83 87 90 91 97 99",
  pubrel: "00 92",
  pubcomp: "00 92",
  suback: "00 01 02 80 83 87 8f 91 97 9e a1 a2",
  unsuback: "00 11 80 83 87 8f 91",
  disconnect: "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
  auth: "00 18 19",
};

describe("the table of reason codes (2.4)", () => {
  test.each(Object.entries(CODES_BY_PACKET))("gives %s its codes and no other", (packet, codes) => {
    const expected = [...fromHex(codes)];
    const all = Array.from({ length: 256 }, (_, code) => code);
    // The keys of the table above are packets.
    expect(all.filter((code) => isReasonCodeOf(packet as ReasonPacket, code))).toStrictEqual(expected);
  });

  test("has one name for a code in a packet, and constants with the numbers", () => {
    expect(reasonName(0, "disconnect")).toBe("normalDisconnection");
    expect(reasonName(0, "suback")).toBe("grantedQoS0");
    expect(reasonName(0)).toBe("success");
    expect(reasonName(0x81)).toBe("malformedPacket");
    expect(reasonName(0x03)).toBeUndefined();
    expect(ReasonCode.wildcardSubscriptionsNotSupported).toBe(0xa2);
    expectTypeOf(ReasonCode.malformedPacket).toEqualTypeOf<0x81>();
    for (const { packets } of Object.values(REASON_CODES)) expect(new Set(packets).size).toBe(packets.length);
  });

  test("says what return code stands for a reason code before MQTT 5.0", () => {
    expect(connectReturnCode(ReasonCode.success)).toBe(0);
    expect(connectReturnCode(ReasonCode.unsupportedProtocolVersion)).toBe(1);
    expect(connectReturnCode(ReasonCode.clientIdentifierNotValid)).toBe(2);
    expect(connectReturnCode(ReasonCode.serverBusy)).toBe(3);
    expect(connectReturnCode(ReasonCode.badUserNameOrPassword)).toBe(4);
    expect(connectReturnCode(ReasonCode.banned)).toBe(5);
    expect(connectReturnCode(ReasonCode.malformedPacket)).toBeUndefined();
  });

  test("names the reason of an error", () => {
    const error = new MqttProtocolError(ReasonCode.packetTooLarge, "too much");
    expect(error).toMatchObject({ name: "MqttProtocolError", reasonCode: 0x95, reasonName: "packetTooLarge" });
  });
});

describe("the table of properties (2.2.2.2)", () => {
  test("has 27 properties with identifiers of their own", () => {
    const identifiers = Object.values(PROPERTIES).map(({ identifier }) => identifier);
    const expected = "01 02 03 08 09 0b 11 12 13 15 16 17 18 19 1a 1c 1f 21 22 23 24 25 26 27 28 29 2a";
    expect(identifiers.toSorted((a, b) => a - b)).toStrictEqual([...fromHex(expected)]);
  });

  test("gives each property its type", () => {
    expectTypeOf<Properties["userProperties"]>().toEqualTypeOf<
      readonly (readonly [name: string, value: string])[] | undefined
    >();
    expectTypeOf<Properties["subscriptionIdentifiers"]>().toEqualTypeOf<readonly number[] | undefined>();
    expectTypeOf<Properties["maximumQoS"]>().toEqualTypeOf<0 | 1 | undefined>();
    expectTypeOf<Properties["retainAvailable"]>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<Properties["sessionExpiryInterval"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Properties["correlationData"]>().toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf<Properties["responseTopic"]>().toEqualTypeOf<string | undefined>();
  });
});

describe("the version of a CONNECT that was refused", () => {
  test.each([
    ["0006 4d5149736470 03", 3],
    ["0006 4d5149736470 83 ff", 3],
    ["0004 4d515454 04", 4],
    ["0004 4d515454 84", 4],
    ["0004 4d515454 05 01 ffff", 5],
    ["0004 4d515454 06", undefined],
    ["0004 4d515458 04", undefined],
    ["0004 4d515454", undefined],
    ["", undefined],
  ])("%s is %s", (hex, version) => {
    const bytes = fromHex(`10 7f ${hex}`);
    expect(peekProtocolVersion(bytes, 2, bytes.length)).toBe(version);
  });
});
