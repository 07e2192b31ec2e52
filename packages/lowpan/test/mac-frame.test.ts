import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acknowledgement,
  type Beacon,
  broadcastAddress,
  decodeBeacon,
  decodeCommand,
  decodeFrame,
  decodePayloadIes,
  encodeBeacon,
  encodeCommand,
  encodeFrame,
  encodePayloadIes,
  formatLinkAddress,
  frameCheckSequence,
  hasValidFcs,
  type MacCommand,
  macFrame,
  type MacFrame,
  macHeaderLength,
  MAX_FRAME_LENGTH,
  parseLinkAddress,
  shortAddress,
  WireError,
} from "../src/wire/index.js";
import { frame, octets } from "./arbitraries.js";
import { codeOf } from "./errors.js";

const NO_FCS = { fcs: "absent" } as const;
const NODE_1 = parseLinkAddress("02:00:00:00:12:34:00:01");
const NODE_FF = parseLinkAddress("02:00:00:00:12:34:00:ff");

/** Frames without check sequence, what they say, and where that is written. */
const FRAMES: readonly { title: string; hex: string; fields: Partial<MacFrame> }[] = [
  {
    title: "an immediate acknowledgement is frame control and sequence number (2006 7.2.2.3)",
    hex: "02 00 07",
    fields: { type: "acknowledgement", version: 0, sequenceNumber: 7, destination: undefined, source: undefined },
  },
  {
    title: "frame pending is told in the acknowledgement (2006 7.2.1.1.3)",
    hex: "12 00 ff",
    fields: { type: "acknowledgement", isFramePending: true, sequenceNumber: 255 },
  },
  {
    title: "the source PAN is left out when it is the destination's (2006 7.2.1.1.5)",
    hex: "61 dc 02 2300 0100341200000002 ff00341200000002 aa",
    fields: {
      type: "data",
      version: 1,
      isAckRequested: true,
      destinationPanId: 0x0023,
      destination: NODE_1,
      sourcePanId: undefined,
      source: NODE_FF,
      payload: fromHex("aa"),
    },
  },
  {
    title: "both PANs stand when they differ (2006 7.2.1.1.5)",
    hex: "01 98 05 2300 3412 2400 7856",
    fields: {
      destinationPanId: 0x23,
      destination: shortAddress(0x1234),
      sourcePanId: 0x24,
      source: shortAddress(0x5678),
    },
  },
  {
    title: "a beacon has a source alone (2006 7.2.2.1)",
    hex: "00 80 01 2300 3412 ffcf0000",
    fields: { type: "beacon", destinationPanId: undefined, sourcePanId: 0x23, source: shortAddress(0x1234) },
  },
  {
    title: "a suppressed sequence number is not there (2015 7.2.2.5)",
    hex: "41 29 2300",
    fields: { version: 2, sequenceNumber: undefined, destinationPanId: undefined, destination: shortAddress(0x0023) },
  },
  {
    title: "extended addresses on both sides carry the destination PAN or none (2015 table 7-2)",
    hex: "01 ec 09 2300 0100341200000002 ff00341200000002",
    fields: { version: 2, destinationPanId: 0x23, destination: NODE_1, sourcePanId: undefined, source: NODE_FF },
  },
  {
    title: "a frame without addresses may carry a PAN (2015 table 7-2)",
    hex: "41 20 09 2300",
    fields: { version: 2, destinationPanId: 0x23, destination: undefined, sourcePanId: undefined },
  },
  {
    title: "header elements end with a termination before the payload (2015 7.4.2)",
    hex: "01 22 09 8202 aabb 803f cc",
    fields: {
      headerIes: [{ elementId: 5, content: fromHex("aabb") }],
      hasPayloadIes: false,
      payload: fromHex("cc"),
    },
  },
  {
    title: "header termination 1 says that payload elements follow (2015 7.4.2)",
    hex: "01 22 09 003f 0188 ee",
    fields: { headerIes: [], hasPayloadIes: true, payload: fromHex("0188ee") },
  },
  {
    title: "the security header stands behind the addresses (2015 7.2)",
    hex: "49 98 05 2300 3412 3412 0d 05000000 01 aabb",
    fields: {
      destination: shortAddress(0x1234),
      sourcePanId: undefined,
      security: { level: 5, frameCounter: 5, isAsnInNonce: false, keySource: undefined, keyIndex: 1 },
      payload: fromHex("aabb"),
    },
  },
];

/** Frames that must be refused: why, and by which code. */
const REFUSED = [
  ["nothing", "", "truncated"],
  ["half a frame control field", "41", "truncated"],
  ["a reserved frame type", "04 00 00", "frame-type"],
  ["a multipurpose frame", "05 00 00", "frame-type"],
  ["an extended frame", "07 00 00", "frame-type"],
  ["the reserved frame version", "01 30 00", "frame-version"],
  ["the reserved addressing mode", "01 04 00 2300", "addressing"],
  ["PAN compression with one address", "41 08 00 2300 3412", "addressing"],
  ["an address cut short", "01 08 00 2300 34", "truncated"],
  ["the security of 2003", "09 08 00 2300 3412 00", "security"],
  ["a reserved security control bit", "09 18 00 2300 3412 85 00000000", "security"],
  ["a suppressed counter without slot number", "09 28 00 2300 3412 25", "security"],
  ["a frame counter cut short", "09 18 00 2300 3412 05 000000", "truncated"],
  ["a payload element among header elements", "01 22 09 0188 ee", "information-element"],
  ["a termination with content", "01 22 09 813f ee", "information-element"],
  ["an element longer than the frame", "01 22 09 8202 aa", "truncated"],
] as const;

describe("decodeFrame", () => {
  it.each(FRAMES)("$title", ({ hex, fields }) => {
    const decoded = decodeFrame(fromHex(hex), NO_FCS);
    expect(decoded).toMatchObject(fields);
    expect(toHex(encodeFrame(decoded, NO_FCS))).toBe(toHex(fromHex(hex)));
  });

  it.each(REFUSED)("refuses %s", (_title, hex, code) => {
    expect(codeOf(() => decodeFrame(fromHex(hex), NO_FCS))).toBe(code);
  });

  it("gives every frame back that encodeFrame wrote", () => {
    fc.assert(
      fc.property(frame, (sent) => {
        const psdu = encodeFrame(sent);
        expect(decodeFrame(psdu)).toEqual(sent);
        expect(macHeaderLength(sent)).toBe(psdu.length - 2 - sent.payload.length);
      }),
    );
  });

  it("refuses each strict prefix of a header", () => {
    fc.assert(
      fc.property(frame, (sent) => {
        const header = encodeFrame({ ...sent, payload: new Uint8Array(0), headerIes: undefined }, NO_FCS);
        for (let length = 0; length < header.length; length++) {
          expect(codeOf(() => decodeFrame(header.subarray(0, length), NO_FCS))).toBe("truncated");
        }
      }),
    );
  });

  it("gives a frame or a WireError for any octets", () => {
    fc.assert(
      fc.property(octets(0, 130), (psdu) => {
        for (const fcs of ["checked", "unchecked", "absent"] as const) {
          try {
            decodeFrame(psdu, { fcs });
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
    );
  });
});

describe("the frame check sequence", () => {
  it("is CRC-16/KERMIT", () => {
    expect(frameCheckSequence(new TextEncoder().encode("123456789"))).toBe(0x2189);
  });

  it("is sent least significant octet first", () => {
    expect(toHex(encodeFrame(acknowledgement(2)))).toBe("020002aa96");
  });

  it("notices each single wrong bit", () => {
    const psdu = encodeFrame(macFrame({ type: "data", sequenceNumber: 1, payload: fromHex("00112233") }));
    for (let bit = 0; bit < psdu.length * 8; bit++) {
      const damaged = psdu.slice();
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(hasValidFcs(damaged)).toBe(false);
      expect(codeOf(() => decodeFrame(damaged))).toBe("fcs");
      expect(() => decodeFrame(damaged, { fcs: "unchecked" })).not.toThrow(RangeError);
    }
  });
});

describe("the limit of 127 octets", () => {
  const withPayload = (length: number): MacFrame =>
    macFrame({ type: "data", sequenceNumber: 0, payload: new Uint8Array(length) });

  it("holds for frames that are sent", () => {
    // 127 less frame control 2, sequence number 1, check sequence 2.
    expect(encodeFrame(withPayload(122))).toHaveLength(MAX_FRAME_LENGTH);
    expect(() => encodeFrame(withPayload(123))).toThrow(RangeError);
    expect(() => encodeFrame(withPayload(123), NO_FCS)).toThrow(RangeError);
  });

  it("holds for frames that are received", () => {
    const longest = encodeFrame(withPayload(122));
    expect(decodeFrame(longest).payload).toHaveLength(122);
    const longer = Uint8Array.of(...longest, 0);
    expect(codeOf(() => decodeFrame(longer, { fcs: "unchecked" }))).toBe("frame-length");
    expect(codeOf(() => decodeFrame(longer.subarray(0, 126), NO_FCS))).toBe("frame-length");
  });

  it("leaves 104 octets of payload between extended addresses and 116 between short ones", () => {
    const room = (address: Uint8Array): number =>
      MAX_FRAME_LENGTH -
      2 -
      macHeaderLength(
        macFrame({ type: "data", sequenceNumber: 0, destinationPanId: 0x23, destination: address, source: address }),
      );
    expect(room(NODE_1)).toBe(104);
    expect(room(shortAddress(1))).toBe(116);
  });
});

describe("encodeFrame", () => {
  it.each([
    ["a 2006 frame without sequence number", macFrame({ type: "data" })],
    ["a 2006 frame with elements", macFrame({ type: "data", sequenceNumber: 1, headerIes: [] })],
    ["an address of 3 octets", macFrame({ type: "data", sequenceNumber: 1, destination: new Uint8Array(3) })],
    ["a 2006 address without PAN", macFrame({ type: "data", sequenceNumber: 1, destination: shortAddress(1) })],
    ["a PAN without address in 2006", macFrame({ type: "data", sequenceNumber: 1, destinationPanId: 1 })],
  ])("refuses %s", (_title, wrong) => {
    expect(() => encodeFrame(wrong)).toThrow(RangeError);
  });
});

describe("payload information elements", () => {
  it("come back with where they end", () => {
    const element = fc.record({ groupId: fc.nat(14), content: octets(0, 30) });
    fc.assert(
      fc.property(fc.array(element, { maxLength: 4 }), octets(1, 10), (elements, rest) => {
        const encoded = encodePayloadIes(elements, true);
        const decoded = decodePayloadIes(Uint8Array.of(...encoded, ...rest));
        expect(decoded).toEqual({ elements, end: encoded.length });
        expect(decodePayloadIes(encodePayloadIes(elements, false)).elements).toEqual(elements);
      }),
    );
  });

  it("refuses a header element among them and the termination's group", () => {
    expect(codeOf(() => decodePayloadIes(fromHex("0102aa")))).toBe("information-element");
    expect(() => encodePayloadIes([{ groupId: 15, content: new Uint8Array(0) }], false)).toThrow(RangeError);
  });
});

describe("beacons", () => {
  const beacon: fc.Arbitrary<Beacon> = fc.record({
    beaconOrder: fc.nat(15),
    superframeOrder: fc.nat(15),
    finalCapSlot: fc.nat(15),
    isBatteryLifeExtended: fc.boolean(),
    isPanCoordinator: fc.boolean(),
    isAssociationPermitted: fc.boolean(),
    isGtsPermitted: fc.boolean(),
    gtsDescriptors: fc.array(
      fc.record({
        device: octets(2, 2),
        startingSlot: fc.nat(15),
        length: fc.nat(15),
        isReceiveOnly: fc.boolean(),
      }),
      { maxLength: 7 },
    ),
    pendingAddresses: fc
      .tuple(fc.array(octets(2, 2), { maxLength: 4 }), fc.array(octets(8, 8), { maxLength: 3 }))
      .map(([shorts, extendeds]) => [...shorts, ...extendeds]),
    payload: octets(0, 20),
  });

  it("come back as they were sent", () => {
    fc.assert(
      fc.property(beacon, (sent) => {
        expect(decodeBeacon(encodeBeacon(sent))).toEqual(sent);
      }),
    );
  });

  it("of a PAN without beacons say order 15 twice", () => {
    expect(decodeBeacon(fromHex("ffcf0000"))).toMatchObject({
      beaconOrder: 15,
      superframeOrder: 15,
      finalCapSlot: 15,
      isPanCoordinator: true,
      isAssociationPermitted: true,
      pendingAddresses: [],
    });
  });

  it("cut short are refused", () => {
    fc.assert(
      fc.property(beacon, (sent) => {
        const encoded = encodeBeacon({ ...sent, payload: new Uint8Array(0) });
        for (let length = 0; length < encoded.length; length++) {
          expect(codeOf(() => decodeBeacon(encoded.subarray(0, length)))).toBe("truncated");
        }
      }),
    );
  });
});

describe("MAC commands", () => {
  const capability = {
    isFullFunctionDevice: true,
    isMainsPowered: false,
    isReceiverOnWhenIdle: true,
    isSecurityCapable: false,
    wantsShortAddress: true,
  };
  const commands: readonly [string, MacCommand][] = [
    ["018a", { type: "association-request", capability }],
    ["02341200", { type: "association-response", shortAddress: shortAddress(0x1234), status: 0 }],
    ["0302", { type: "disassociation", reason: 2 }],
    ["04", { type: "data-request" }],
    ["05", { type: "pan-id-conflict" }],
    ["06", { type: "orphan" }],
    ["07", { type: "beacon-request" }],
    [
      "08230034120bffff00",
      {
        type: "coordinator-realignment",
        panId: 0x23,
        coordinator: shortAddress(0x1234),
        channel: 11,
        shortAddress: broadcastAddress(),
        channelPage: 0,
      },
    ],
    ["0911", { type: "gts-request", characteristics: 0x11 }],
    ["20aabb", { type: "other", commandId: 0x20, content: fromHex("aabb") }],
  ];

  it.each(commands)("%s", (hex, command) => {
    expect(decodeCommand(fromHex(hex))).toEqual(command);
    expect(toHex(encodeCommand(command))).toBe(hex);
  });

  it.each(["", "01", "0234", "03", "0823003412", "09"])("refuses %j", (hex) => {
    expect(codeOf(() => decodeCommand(fromHex(hex)))).toMatch(/^(truncated|command)$/);
  });
});

describe("link addresses", () => {
  it("are written as people write them", () => {
    fc.assert(
      fc.property(fc.oneof(octets(2, 2), octets(8, 8)), (address) => {
        expect(parseLinkAddress(formatLinkAddress(address))).toEqual(address);
      }),
    );
    expect(formatLinkAddress(shortAddress(0x12ab))).toBe("0x12ab");
    expect(formatLinkAddress(NODE_1)).toBe("02:00:00:00:12:34:00:01");
    expect(() => parseLinkAddress("12:34:56")).toThrow(RangeError);
    expect(() => shortAddress(0x10000)).toThrow(RangeError);
  });
});
