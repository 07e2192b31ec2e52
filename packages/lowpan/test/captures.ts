import { readFileSync } from "node:fs";
import { type CapturedFrame, decodeCapture, openRecord } from "../src/capture/index.js";
import { decodeZep } from "../src/links/index.js";

/** The captures of `vectors/`, with the prefix of the context 0 that their nodes share. */
export const CAPTURES = [
  { name: "riot-ping-and-coap-195", context: undefined },
  { name: "riot-border-router-195", context: "2001:db8::" },
  { name: "border-router-and-riot-195", context: "2001:db8:1::" },
  { name: "border-router-and-riot-230", context: "2001:db8:1::" },
  { name: "border-router-and-riot-283", context: "2001:db8:1::" },
] as const;

export function readCapture(name: string): Uint8Array {
  return readFileSync(new URL(`vectors/${name}.pcap`, import.meta.url));
}

/** Link type of Ethernet, under which RIOT's ZEP datagrams were recorded on the loopback device. */
const ETHERNET = 1;
/** Ethernet, IPv6 and UDP before ZEP. */
const ZEP_AT = 14 + 40 + 8;

/** The ZEP datagrams of a capture of the loopback device. */
export function zepDatagrams(name: string): Uint8Array[] {
  const records = decodeCapture(readCapture(name)).filter(({ linkType }) => linkType === ETHERNET);
  return records.map(({ bytes }) => bytes.subarray(ZEP_AT));
}

/** The 802.15.4 frames of a capture, whatever it wraps them in. */
export function capturedFrames(name: string): CapturedFrame[] {
  const frames: CapturedFrame[] = [];
  for (const { linkType, bytes } of decodeCapture(readCapture(name))) {
    if (linkType !== ETHERNET) {
      frames.push(openRecord(linkType, bytes));
      continue;
    }
    const packet = decodeZep(bytes.subarray(ZEP_AT));
    if (packet.type === "data") frames.push(openRecord(195, packet.psdu));
  }
  return frames;
}
