import type { ProtocolVersion } from "../../src/codec/packets.js";
import type { ReasonName } from "../../src/codec/reason-codes.js";

/** Bytes that are whole as a frame but no packet, and the reason that goes back for them. */
export interface FailureCase {
  readonly title: string;
  /** Of the MQTT 5.0 standard, unless it names another. */
  readonly clause: string;
  /** Versions of the connection; none stands for a connection without a CONNECT yet. */
  readonly versions: readonly (ProtocolVersion | undefined)[];
  readonly hex: string;
  readonly reason: ReasonName;
}

const ALL: readonly ProtocolVersion[] = [3, 4, 5];
const BEFORE_5: readonly ProtocolVersion[] = [3, 4];
const FROM_4: readonly ProtocolVersion[] = [4, 5];
const V5: readonly ProtocolVersion[] = [5];
const V4: readonly ProtocolVersion[] = [4];
const NEW: readonly undefined[] = [undefined];

const failures = (
  reason: ReasonName,
  rows: readonly (readonly [
    title: string,
    clause: string,
    versions: readonly (ProtocolVersion | undefined)[],
    hex: string,
  ])[],
): FailureCase[] => rows.map(([title, clause, versions, hex]) => ({ title, clause, versions, hex, reason }));

const FIXED_HEADER: readonly FailureCase[] = [
  ...failures("malformedPacket", [
    ["packet type 0", "2.1.2", ALL, "00 00"],
    ["AUTH before MQTT 5.0", "2.2.1 of MQTT 3.1.1", BEFORE_5, "f0 00"],
    [
      "CONNECT with flags",
      "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1",
      NEW,
      "11 0d 0004 4d515454 05 02 0000 00 0000",
    ],
    ["CONNACK with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", V4, "21 02 0000"],
    ["PUBACK with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", FROM_4, "42 02 0001"],
    ["PUBREC with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", FROM_4, "54 02 0001"],
    ["PUBREL without its flag", "MQTT-3.6.1-1, MQTT-3.6.1-1 of MQTT 3.1.1", FROM_4, "60 02 0001"],
    ["PUBREL with DUP", "MQTT-3.6.1-1, MQTT-3.6.1-1 of MQTT 3.1.1", FROM_4, "6a 02 0001"],
    [
      "PUBCOMP with flags",
      "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1",
      FROM_4,
      "71 02 0001",
    ],
    ["SUBSCRIBE without its flag", "MQTT-3.8.1-1, MQTT-3.8.1-1 of MQTT 3.1.1", V4, "80 06 0001 0001 61 00"],
    ["SUBACK with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", V4, "92 03 0001 00"],
    ["UNSUBSCRIBE with retain too", "MQTT-3.10.1-1, MQTT-3.10.1-1 of MQTT 3.1.1", V4, "a3 05 0001 0001 61"],
    ["UNSUBACK with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", V4, "b2 02 0001"],
    ["PINGREQ with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", FROM_4, "c1 00"],
    ["PINGRESP with flags", "MQTT-2.1.3-1, MQTT-2.2.2-1 of MQTT 3.1.1, MQTT-2.2.2-2 of MQTT 3.1.1", FROM_4, "d8 00"],
    ["DISCONNECT with flags", "MQTT-3.14.1-1, MQTT-3.14.1-1 of MQTT 3.1.1", FROM_4, "e1 00"],
    ["AUTH with flags", "MQTT-3.15.1-1", V5, "f2 00"],
    ["PINGREQ with a body", "3.12.1", ALL, "c0 01 00"],
    ["PINGRESP with a body", "3.13.1", ALL, "d0 02 0000"],
  ]),
  ...failures("protocolError", [
    ["PUBLISH before CONNECT", "MQTT-3.1.0-1, MQTT-3.1.0-1 of MQTT 3.1.1", NEW, "30 03 0001 61"],
    ["PINGREQ before CONNECT", "MQTT-3.1.0-1, MQTT-3.1.0-1 of MQTT 3.1.1", NEW, "c0 00"],
  ]),
];

const CONNECT: readonly FailureCase[] = [
  ...failures("unsupportedProtocolVersion", [
    [
      "CONNECT with another protocol name",
      "MQTT-3.1.2-1, MQTT-3.1.2-1 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515458 05 02 0000 00 0000",
    ],
    [
      "CONNECT with protocol level 6",
      "MQTT-3.1.2-2, MQTT-3.1.2-2 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 06 02 0000 00 0000",
    ],
    [
      "CONNECT with MQTT at level 3",
      "MQTT-3.1.2-1, MQTT-3.1.2-1 of MQTT 3.1.1",
      NEW,
      "10 0c 0004 4d515454 03 02 0000 0000",
    ],
    [
      "CONNECT with MQIsdp at level 4",
      "MQTT-3.1.2-1, MQTT-3.1.2-1 of MQTT 3.1.1",
      NEW,
      "10 0e 0006 4d5149736470 04 02 0000 0000",
    ],
    ["CONNECT with the bridge bit at level 5", "convention of bridges", NEW, "10 0d 0004 4d515454 85 02 0000 00 0000"],
    [
      "CONNECT with an empty protocol name",
      "MQTT-3.1.2-1, MQTT-3.1.2-1 of MQTT 3.1.1",
      NEW,
      "10 09 0000 04 02 0000 0001 61",
    ],
  ]),
  ...failures("malformedPacket", [
    ["CONNECT without a body", "3.1.2", NEW, "10 00"],
    [
      "CONNECT with the reserved flag",
      "MQTT-3.1.2-3, MQTT-3.1.2-3 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 03 003c 0001 61",
    ],
    [
      "CONNECT with will QoS 3",
      "MQTT-3.1.2-12, MQTT-3.1.2-14 of MQTT 3.1.1",
      NEW,
      "10 13 0004 4d515454 04 1e 003c 0001 61 0001 77 0001 70",
    ],
    [
      "CONNECT with will QoS 3 of MQTT 3.1",
      "3.1 of MQTT 3.1",
      NEW,
      "10 15 0006 4d5149736470 03 1e 003c 0001 61 0001 77 0001 70",
    ],
    [
      "CONNECT with a will QoS and no will",
      "MQTT-3.1.2-11, MQTT-3.1.2-13 of MQTT 3.1.1, MQTT-3.1.2-11 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 0a 003c 0001 61",
    ],
    [
      "CONNECT with will retain and no will",
      "MQTT-3.1.2-13, MQTT-3.1.2-15 of MQTT 3.1.1, MQTT-3.1.2-11 of MQTT 3.1.1",
      NEW,
      "10 0e 0004 4d515454 05 22 003c 00 0001 61",
    ],
    [
      "CONNECT that ends before its client identifier",
      "MQTT-3.1.3-3, MQTT-3.1.3-3 of MQTT 3.1.1",
      NEW,
      "10 0a 0004 4d515454 04 02 003c",
    ],
    [
      "CONNECT whose client identifier goes beyond its end",
      "MQTT-3.1.3-3, MQTT-3.1.3-3 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 02 003c 0002 61",
    ],
    [
      "CONNECT without the will that its flags announce",
      "MQTT-3.1.2-9, MQTT-3.1.2-9 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 06 003c 0001 61",
    ],
    [
      "CONNECT without the user name that its flags announce",
      "MQTT-3.1.2-17, MQTT-3.1.2-19 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 82 003c 0001 61",
    ],
    [
      "CONNECT without the password that its flags announce",
      "MQTT-3.1.2-19, MQTT-3.1.2-21 of MQTT 3.1.1",
      NEW,
      "10 10 0004 4d515454 04 c2 003c 0001 61 0001 75",
    ],
    [
      "CONNECT with a byte behind its last field, for which there is no flag",
      "MQTT-3.1.2-16, MQTT-3.1.2-18, MQTT-3.1.2-18 of MQTT 3.1.1, MQTT-3.1.2-20 of MQTT 3.1.1",
      NEW,
      "10 0e 0004 4d515454 04 02 003c 0001 61 00",
    ],
    [
      "CONNECT whose client identifier holds U+0000",
      "MQTT-1.5.4-2, MQTT-1.5.3-2 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 02 003c 0001 00",
    ],
    [
      "CONNECT whose client identifier is not UTF-8",
      "MQTT-3.1.3-4, MQTT-3.1.3-4 of MQTT 3.1.1",
      NEW,
      "10 0d 0004 4d515454 04 02 003c 0001 80",
    ],
    [
      "CONNECT whose will topic is not UTF-8",
      "MQTT-3.1.3-11, MQTT-3.1.3-10 of MQTT 3.1.1",
      NEW,
      "10 13 0004 4d515454 04 06 003c 0001 61 0001 ff 0001 70",
    ],
    [
      "CONNECT whose user name is not UTF-8",
      "MQTT-3.1.3-12, MQTT-3.1.3-11 of MQTT 3.1.1",
      NEW,
      "10 10 0004 4d515454 04 82 003c 0001 61 0001 ff",
    ],
    ["CONNECT whose property length goes beyond its end", "2.2.2.1", NEW, "10 0e 0004 4d515454 05 02 003c 7f 0001 61"],
    ["CONNECT without property length", "MQTT-2.2.2-1", NEW, "10 0a 0004 4d515454 05 02 003c"],
    ["CONNECT with a property of PUBLISH", "2.2.2.2", NEW, "10 0f 0004 4d515454 05 02 003c 02 01 00 0000"],
    [
      "CONNECT with a will delay interval outside of the will",
      "2.2.2.2",
      NEW,
      "10 12 0004 4d515454 05 02 003c 05 18 00000001 0000",
    ],
    [
      "CONNECT with a topic alias in the will",
      "2.2.2.2",
      NEW,
      "10 17 0004 4d515454 05 06 003c 00 0001 61 03 23 0001 0001 77 0000",
    ],
  ]),
  ...failures("topicNameInvalid", [
    [
      "CONNECT with an empty will topic",
      "MQTT-4.7.3-1, MQTT-4.7.3-1 of MQTT 3.1.1",
      NEW,
      "10 11 0004 4d515454 04 06 003c 0001 61 0000 0000",
    ],
    [
      "CONNECT with a wildcard in the will topic",
      "MQTT-4.7.0-1, MQTT-4.7.1-1 of MQTT 3.1.1",
      NEW,
      "10 12 0004 4d515454 04 06 003c 0001 61 0001 23 0000",
    ],
  ]),
  ...failures("protocolError", [
    [
      "CONNECT of MQTT 3.1 with a password and no user name",
      "3.1 of MQTT 3.1",
      NEW,
      "10 12 0006 4d5149736470 03 42 003c 0001 61 0001 70",
    ],
    [
      "CONNECT of MQTT 3.1.1 with a password and no user name",
      "MQTT-3.1.2-22 of MQTT 3.1.1",
      NEW,
      "10 10 0004 4d515454 04 42 003c 0001 61 0001 70",
    ],
    ["CONNECT with receive maximum 0", "3.1.2.11.3", NEW, "10 10 0004 4d515454 05 02 003c 03 21 0000 0000"],
    ["CONNECT with maximum packet size 0", "3.1.2.11.4", NEW, "10 12 0004 4d515454 05 02 003c 05 27 00000000 0000"],
    ["CONNECT with request problem information 2", "3.1.2.11.7", NEW, "10 0f 0004 4d515454 05 02 003c 02 17 02 0000"],
    [
      "CONNECT with request response information 255",
      "3.1.2.11.6",
      NEW,
      "10 0f 0004 4d515454 05 02 003c 02 19 ff 0000",
    ],
    [
      "CONNECT with authentication data and no method",
      "3.1.2.11.10",
      NEW,
      "10 11 0004 4d515454 05 02 003c 04 16 0001 00 0000",
    ],
    [
      "CONNECT with two session expiry intervals",
      "3.1.2.11.2",
      NEW,
      "10 17 0004 4d515454 05 02 003c 0a 11 00000001 11 00000001 0000",
    ],
  ]),
];

const CONNACK: readonly FailureCase[] = [
  ...failures("malformedPacket", [
    ["CONNACK with reserved acknowledge flags", "MQTT-3.2.2-1", V4, "20 02 02 00"],
    ["CONNACK of one byte", "3.2.2", BEFORE_5, "20 01 00"],
    ["CONNACK of three bytes", "3.2.1 of MQTT 3.1.1", BEFORE_5, "20 03 00 00 00"],
    ["CONNACK without property length", "MQTT-2.2.2-1", V5, "20 02 00 00"],
    ["CONNACK with a property of CONNECT", "2.2.2.2", V5, "20 05 00 00 02 17 00"],
  ]),
  ...failures("protocolError", [
    ["CONNACK that refuses and has a session", "MQTT-3.2.2-4 of MQTT 3.1.1", V4, "20 02 01 05"],
    ["CONNACK that refuses and has a session in MQTT 5.0", "MQTT-3.2.2-6", V5, "20 03 01 87 00"],
    ["CONNACK with return code 6", "3.2.2.3 of MQTT 3.1.1", BEFORE_5, "20 02 00 06"],
    ["CONNACK with a reason code of SUBACK", "MQTT-3.2.2-8", V5, "20 03 00 02 00"],
    ["CONNACK with maximum QoS 2", "3.2.2.3.4", V5, "20 05 00 00 02 24 02"],
    ["CONNACK with retain available 2", "3.2.2.3.5", V5, "20 05 00 00 02 25 02"],
    ["CONNACK with receive maximum 0", "3.2.2.3.3", V5, "20 06 00 00 03 21 0000"],
  ]),
];

const PUBLISH: readonly FailureCase[] = [
  ...failures("malformedPacket", [
    ["PUBLISH with QoS 3", "MQTT-3.3.1-4, MQTT-3.3.1-4 of MQTT 3.1.1", ALL, "36 05 0001 61 0001"],
    ["PUBLISH with QoS 0 and DUP", "MQTT-3.3.1-2, MQTT-3.3.1-2 of MQTT 3.1.1", ALL, "38 04 0001 61 00"],
    ["PUBLISH without a body", "3.3.2", ALL, "30 00"],
    ["PUBLISH with half of a topic length", "3.3.2", ALL, "30 01 00"],
    ["PUBLISH whose topic goes beyond its end", "3.3.2", ALL, "30 04 0003 6162"],
    ["PUBLISH with QoS 1 without a packet identifier", "3.3.2.2", ALL, "32 03 0001 61"],
    ["PUBLISH with half of a packet identifier", "3.3.2.2", ALL, "34 04 0001 61 00"],
    [
      "PUBLISH whose topic is a lone surrogate",
      "MQTT-1.5.4-1, MQTT-1.5.3-1 of MQTT 3.1.1",
      ALL,
      "30 06 0003 eda080 00",
    ],
    ["PUBLISH whose topic is overlong UTF-8", "MQTT-1.5.4-1, MQTT-1.5.3-1 of MQTT 3.1.1", ALL, "30 05 0002 c1a1 00"],
    ["PUBLISH whose topic is UTF-8 cut short", "MQTT-1.5.4-1, MQTT-1.5.3-1 of MQTT 3.1.1", ALL, "30 04 0001 c3 00"],
    [
      "PUBLISH whose topic is beyond U+10FFFF",
      "MQTT-1.5.4-1, MQTT-1.5.3-1 of MQTT 3.1.1",
      ALL,
      "30 07 0004 f4908080 00",
    ],
    ["PUBLISH whose topic holds U+0000", "MQTT-1.5.4-2, MQTT-1.5.3-2 of MQTT 3.1.1", ALL, "30 06 0003 610062 00"],
    ["PUBLISH without property length", "MQTT-2.2.2-1", V5, "30 03 0001 61"],
    ["PUBLISH whose properties go beyond its end", "2.2.2.1", V5, "30 05 0001 61 02 01"],
    ["PUBLISH with an overlong property length", "MQTT-1.5.5-1", V5, "30 05 0001 61 80 00"],
    ["PUBLISH with a property length of five bytes", "1.5.5", V5, "30 08 0001 61 ffffffff7f"],
    ["PUBLISH with half of a property length", "1.5.5", V5, "30 04 0001 61 80"],
    ["PUBLISH with a property that is not defined", "2.2.2.2", V5, "30 06 0001 61 02 7e 00"],
    ["PUBLISH with property identifier 0", "2.2.2.2", V5, "30 06 0001 61 02 00 00"],
    ["PUBLISH with a property identifier of two bytes", "2.2.2.2", V5, "30 07 0001 61 03 8101 00"],
    ["PUBLISH with an overlong property identifier", "MQTT-1.5.5-1", V5, "30 07 0001 61 03 8100 00"],
    ["PUBLISH with a property of CONNECT", "2.2.2.2", V5, "30 09 0001 61 05 11 00000001"],
    ["PUBLISH with a property cut short", "2.2.2.2", V5, "30 07 0001 61 03 02 0000"],
    ["PUBLISH with a property identifier and no value", "2.2.2.2", V5, "30 05 0001 61 01 01"],
    ["PUBLISH with a property string that goes beyond the properties", "2.2.2.2", V5, "30 09 0001 61 04 03 0002 61 62"],
    ["PUBLISH with half of a user property", "MQTT-1.5.7-1", V5, "30 08 0001 61 04 26 0001 61"],
    ["PUBLISH with a user property that is not UTF-8", "MQTT-1.5.7-1", V5, "30 0a 0001 61 06 26 0001 ff 0000"],
    ["PUBLISH with a user property that holds U+0000", "MQTT-1.5.7-1", V5, "30 0a 0001 61 06 26 0000 0001 00"],
    ["PUBLISH whose content type is not UTF-8", "MQTT-3.3.2-19", V5, "30 08 0001 61 04 03 0001 80"],
    ["PUBLISH with an overlong subscription identifier", "MQTT-1.5.5-1", V5, "30 07 0001 61 03 0b 8100"],
    ["PUBLISH with a subscription identifier of five bytes", "1.5.5", V5, "30 0a 0001 61 06 0b 8080808001"],
  ]),
  ...failures("protocolError", [
    ["PUBLISH with packet identifier 0", "MQTT-2.2.1-3, MQTT-2.3.1-1 of MQTT 3.1.1", ALL, "32 06 0001 61 0000 00"],
    ["PUBLISH without a topic or a topic alias", "3.3.2.3.4", V5, "30 03 0000 00"],
    ["PUBLISH with payload format indicator 2", "3.3.2.3.2", V5, "30 06 0001 61 02 01 02"],
    ["PUBLISH with subscription identifier 0", "3.3.2.3.8", V5, "30 06 0001 61 02 0b 00"],
    ["PUBLISH with two topic aliases", "3.3.2.3.4", V5, "30 0a 0001 61 06 23 0001 23 0001"],
    ["PUBLISH with two payload format indicators", "3.3.2.3.2", V5, "30 08 0001 61 04 01 00 01 00"],
    ["PUBLISH with two empty content types", "3.3.2.3.9", V5, "30 0a 0001 61 06 03 0000 03 0000"],
    ["PUBLISH with two correlation data", "3.3.2.3.6", V5, "30 0a 0001 61 06 09 0000 09 0000"],
  ]),
  ...failures("topicAliasInvalid", [["PUBLISH with topic alias 0", "MQTT-3.3.2-8", V5, "30 06 0000 03 23 0000"]]),
  ...failures("topicNameInvalid", [
    ["PUBLISH with an empty topic", "MQTT-4.7.3-1, MQTT-4.7.3-1 of MQTT 3.1.1", BEFORE_5, "30 03 0000 61"],
    ["PUBLISH with + in the topic", "MQTT-3.3.2-2, MQTT-3.3.2-2 of MQTT 3.1.1", ALL, "30 06 0003 612f2b 00"],
    ["PUBLISH with # in the topic", "MQTT-3.3.2-2, MQTT-3.3.2-2 of MQTT 3.1.1", ALL, "30 06 0003 236162 00"],
    ["PUBLISH with a wildcard in the response topic", "MQTT-3.3.2-14", V5, "30 08 0001 61 04 08 0001 2b"],
  ]),
];

const ACKNOWLEDGEMENTS: readonly FailureCase[] = (["puback", "pubrec", "pubrel", "pubcomp"] as const).flatMap(
  (type, i) => {
    const name = type.toUpperCase();
    const firstByte = ["40", "50", "62", "70"][i];
    const clause = `3.${4 + i}.2`;
    return [
      ...failures("malformedPacket", [
        [`${name} without a packet identifier`, clause, ALL, `${firstByte} 00`],
        [`${name} with half of a packet identifier`, clause, ALL, `${firstByte} 01 00`],
        [`${name} of three bytes`, `${clause} of MQTT 3.1.1`, BEFORE_5, `${firstByte} 03 0001 00`],
        [`${name} with a property of CONNECT`, "2.2.2.2", V5, `${firstByte} 09 0001 00 05 11 00000001`],
        [`${name} whose properties go beyond its end`, "2.2.2.1", V5, `${firstByte} 04 0001 00 01`],
        [`${name} with a byte behind its properties`, clause, V5, `${firstByte} 05 0001 00 00 00`],
      ]),
      ...failures("protocolError", [
        [`${name} with packet identifier 0`, "MQTT-2.2.1-5", ALL, `${firstByte} 02 0000`],
        [`${name} with a reason code of CONNACK`, `MQTT-3.${4 + i}.2-1`, V5, `${firstByte} 03 0001 84`],
        [`${name} with two reason strings`, `${clause}.2.2`, V5, `${firstByte} 0a 0001 00 06 1f 0000 1f 0000`],
      ]),
    ];
  },
);

const SUBSCRIPTIONS: readonly FailureCase[] = [
  ...failures("malformedPacket", [
    ["SUBSCRIBE without a body", "3.8.2", ALL, "82 00"],
    ["SUBSCRIBE without options", "3.8.3", BEFORE_5, "82 05 0001 0001 61"],
    ["SUBSCRIBE with half of a topic filter", "3.8.3", BEFORE_5, "82 06 0001 0003 6161"],
    ["SUBSCRIBE with reserved options of MQTT 3.1.1", "MQTT-3-8.3-4 of MQTT 3.1.1", V4, "82 06 0001 0001 61 04"],
    ["SUBSCRIBE with reserved options", "MQTT-3.8.3-5", V5, "82 07 0001 00 0001 61 40"],
    ["SUBSCRIBE whose second filter has reserved options", "MQTT-3.8.3-5", V5, "82 0b 0001 00 0001 61 00 0001 62 80"],
    [
      "SUBSCRIBE whose topic filter is not UTF-8",
      "MQTT-3.8.3-1, MQTT-3.8.3-1 of MQTT 3.1.1",
      V4,
      "82 06 0001 0001 ff 00",
    ],
    [
      "SUBSCRIBE whose topic filter holds U+0000",
      "MQTT-4.7.3-2, MQTT-4.7.3-2 of MQTT 3.1.1",
      V4,
      "82 06 0001 0001 00 00",
    ],
    ["SUBACK without a reason code", "3.9.3", BEFORE_5, "90 02 0001"],
    ["SUBACK of MQTT 5.0 without a reason code", "3.9.3", V5, "90 03 0001 00"],
    [
      "UNSUBSCRIBE whose topic filter is not UTF-8",
      "MQTT-3.10.3-1, MQTT-3.10.3-1 of MQTT 3.1.1",
      V4,
      "a2 05 0001 0001 ff",
    ],
    ["UNSUBSCRIBE with half of a topic filter", "3.10.3", V4, "a2 05 0001 0002 61"],
    ["UNSUBACK with a payload before MQTT 5.0", "3.11.3 of MQTT 3.1.1", BEFORE_5, "b0 03 0001 00"],
    ["UNSUBACK without a reason code", "3.11.3", V5, "b0 03 0001 00"],
    ["UNSUBACK without property length", "MQTT-2.2.2-1", V5, "b0 02 0001"],
  ]),
  ...failures("protocolError", [
    ["SUBSCRIBE with packet identifier 0", "MQTT-2.2.1-3, MQTT-2.3.1-1 of MQTT 3.1.1", ALL, "82 07 0000 00 0001 61 00"],
    ["SUBSCRIBE without a topic filter", "MQTT-3.8.3-2, MQTT-3.8.3-3 of MQTT 3.1.1", BEFORE_5, "82 02 0001"],
    ["SUBSCRIBE of MQTT 5.0 without a topic filter", "MQTT-3.8.3-2", V5, "82 03 0001 00"],
    ["SUBSCRIBE for QoS 3", "3.8.3.1", BEFORE_5, "82 06 0001 0001 61 03"],
    ["SUBSCRIBE of MQTT 5.0 for QoS 3", "3.8.3.1", V5, "82 07 0001 00 0001 61 03"],
    ["SUBSCRIBE with retain handling 3", "3.8.3.1", V5, "82 07 0001 00 0001 61 30"],
    [
      "SUBSCRIBE with no local for a shared subscription",
      "MQTT-3.8.3-4",
      V5,
      "82 10 0001 00 000a 2473686172652f672f61 04",
    ],
    ["SUBSCRIBE with two subscription identifiers", "3.8.2.1.2", V5, "82 0b 0001 04 0b01 0b02 0001 61 00"],
    ["SUBSCRIBE with subscription identifier 0", "3.8.2.1.2", V5, "82 09 0001 02 0b00 0001 61 00"],
    ["SUBACK with packet identifier 0", "MQTT-2.2.1-6, MQTT-2.3.1-7 of MQTT 3.1.1", BEFORE_5, "90 03 0000 00"],
    ["SUBACK with return code 3", "MQTT-3.9.3-2 of MQTT 3.1.1", BEFORE_5, "90 03 0001 03"],
    ["SUBACK with a reason code of CONNACK", "MQTT-3.9.3-2", V5, "90 04 0001 00 84"],
    ["UNSUBSCRIBE without a topic filter", "MQTT-3.10.3-2, MQTT-3.10.3-2 of MQTT 3.1.1", BEFORE_5, "a2 02 0001"],
    ["UNSUBSCRIBE of MQTT 5.0 without a topic filter", "MQTT-3.10.3-2", V5, "a2 03 0001 00"],
    [
      "UNSUBSCRIBE with packet identifier 0",
      "MQTT-2.2.1-3, MQTT-2.3.1-1 of MQTT 3.1.1",
      BEFORE_5,
      "a2 05 0000 0001 61",
    ],
    ["UNSUBACK with packet identifier 0", "MQTT-2.2.1-6, MQTT-2.3.1-7 of MQTT 3.1.1", BEFORE_5, "b0 02 0000"],
    ["UNSUBACK with a reason code of SUBACK", "MQTT-3.11.3-2", V5, "b0 04 0001 00 02"],
  ]),
];

const ENDING: readonly FailureCase[] = [
  ...failures("malformedPacket", [
    ["DISCONNECT with a body before MQTT 5.0", "3.14.1 of MQTT 3.1.1", BEFORE_5, "e0 01 00"],
    ["DISCONNECT with a byte behind its properties", "3.14.2", V5, "e0 03 00 00 00"],
    ["DISCONNECT with a property of PUBLISH", "2.2.2.2", V5, "e0 04 00 02 01 00"],
    ["AUTH whose properties go beyond its end", "2.2.2.1", V5, "f0 02 18 05"],
    ["AUTH with a byte behind its properties", "3.15.2", V5, "f0 07 18 04 15 0001 6d 00"],
  ]),
  ...failures("protocolError", [
    ["DISCONNECT with a reason code of CONNACK", "MQTT-3.14.2-1", V5, "e0 01 84"],
    ["AUTH with a reason code of DISCONNECT", "MQTT-3.15.2-1", V5, "f0 06 04 04 15 0001 6d"],
    ["AUTH without an authentication method", "3.15.2.2.2", V5, "f0 02 18 00"],
    ["AUTH of a reason code alone", "3.15.2.2.2", V5, "f0 01 18"],
  ]),
];

/** Everything that the codec refuses, with the reason that it gives. */
export const FAILURE_CASES: readonly FailureCase[] = [
  ...FIXED_HEADER,
  ...CONNECT,
  ...CONNACK,
  ...PUBLISH,
  ...ACKNOWLEDGEMENTS,
  ...SUBSCRIPTIONS,
  ...ENDING,
];
