import { fromHex, HexSyntaxError } from "@isthmus/bytes";
import type { LinkFrame } from "./frame-link.js";

/**
 * The frame in a line of Nordic's 802.15.4 sniffer firmware; undefined for any other line.
 *
 * ```text
 * received: 4988...c5 power: -51 lqi: 120 time: 4086912
 * ```
 */
export function parseSnifferLine(line: string): LinkFrame | undefined {
  const [, hex = "", power, lqi] =
    /^received:\s+([0-9a-fA-F]{2,254})\s+power:\s+(-?\d{1,3})\s+lqi:\s+(\d{1,3})\b/.exec(line.trim()) ?? [];
  if (hex === "") return undefined;
  try {
    return { psdu: fromHex(hex), rssDbm: Number(power), lqi: Math.min(255, Number(lqi)), channel: undefined };
  } catch (error) {
    // An odd digit: the line has lost some.
    if (error instanceof HexSyntaxError) return undefined;
    throw error;
  }
}
