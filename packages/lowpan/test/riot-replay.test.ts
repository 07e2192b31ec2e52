import { toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import {
  decodeFrame,
  equalLinkAddresses,
  formatAddress,
  type Icmpv6Message,
  type MacFrame,
  parseAddress,
  parseLinkAddress,
} from "../src/wire/index.js";
import { capturedFrames } from "./captures.js";
import { LoneNode } from "./lone-node.js";

const BORDER_ROUTER = parseLinkAddress("02:00:00:00:12:34:00:ff");
const RIOT_NODE = parseLinkAddress("02:00:00:00:12:34:00:01");

/** The frames that the unmodified RIOT node sent to its border router, one after the other. */
function riotFrames(): MacFrame[] {
  return capturedFrames("border-router-and-riot-195")
    .map(({ psdu }) => ({ psdu, frame: decodeFrame(psdu) }))
    .filter(({ frame }) => equalLinkAddresses(frame.source, RIOT_NODE))
    .map(({ frame }) => frame);
}

describe("a border router in place of the one that the RIOT node was recorded with", () => {
  const node = new LoneNode({ address: BORDER_ROUTER });
  node.machine.bind(61616);
  const replies: Icmpv6Message[] = [];
  for (const { psdu } of capturedFrames("border-router-and-riot-195")) {
    if (!equalLinkAddresses(decodeFrame(psdu).source, RIOT_NODE)) continue;
    node.machine.receive(node.now, psdu, -50);
    // The frames of a fragmented packet come one after the other; each packet is given time to be answered.
    node.run(600);
    for (const { icmp, header } of node.takeSent()) {
      if (icmp !== undefined && icmp.type !== "dio")
        replies.push(Object.assign({ to: formatAddress(header.destination) }, icmp));
    }
  }

  it("takes all that the node sends", () => {
    const { mac, adaptation, ipv6 } = node.machine.counters;
    expect(riotFrames().length).toBeGreaterThan(300);
    expect(mac.invalid).toBe(0);
    expect(adaptation.malformed).toBe(0);
    expect(ipv6.malformed).toBe(0);
    expect(mac.framesReceived + mac.duplicates).toBe(riotFrames().length);
    expect(node.machine.reassemblies).toBe(0);
  });

  it("acknowledges each frame that asks for it", () => {
    const wanted = riotFrames().filter(({ isAckRequested }) => isAckRequested).length;
    expect(node.machine.counters.mac.acksSent).toBe(wanted);
  });

  it("advertises prefix, context and border router as the recorded one did", () => {
    const [advertisement] = replies.filter(({ type }) => type === "router-advertisement");
    expect(advertisement).toMatchObject({
      to: "fe80::1234:1",
      options: [
        { type: "prefix-information", prefix: parseAddress("2001:db8:1::"), isAutonomous: true, isOnLink: false },
        { type: "source-link-address", address: BORDER_ROUTER },
        { type: "context", contextId: 0, prefix: parseAddress("2001:db8:1::"), isForCompression: true },
        { type: "border-router", address: parseAddress("2001:db8:1::1234:ff") },
      ],
    });
  });

  it("registers the node's address: the option comes back as it came, with status 0", () => {
    const answers = replies.filter(({ type }) => type === "neighbor-advertisement");
    expect(answers.length).toBeGreaterThan(0);
    expect(answers[0]).toMatchObject({
      to: "2001:db8:1::1234:1",
      isSolicited: true,
      target: parseAddress("fe80::1234:ff"),
      options: [{ type: "target-link-address" }, { type: "address-registration", status: 0, owner: RIOT_NODE }],
    });
    expect(node.events.filter(({ type }) => type === "registration")).toMatchObject([
      { address: parseAddress("2001:db8:1::1234:1"), isRegistered: true },
    ]);
  });

  it("understands its echo replies, the long ones in fragments too", () => {
    const lengths = node.events.flatMap((event) => (event.type === "echo-reply" ? [event.data.length] : []));
    expect(lengths.length).toBeGreaterThan(100);
    expect(Math.max(...lengths)).toBeGreaterThanOrEqual(600);
    expect(toHex(node.machine.linkLocal)).toBe(toHex(parseAddress("fe80::1234:ff")));
  });
});
