import { byteAt } from "@isthmus/bytes";
import { isNoCacheKeyOption, Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";

/**
 * What tells one block-wise operation of a peer from another: the method and the options of its cache key, Request-Tag
 * among them, without those that change from block to block (RFC 7959 2.5, RFC 9175 3.3).
 */
export function operationKey(peerId: number, code: number, options: Options): string {
  const parts = [`${peerId} ${code}`];
  for (let i = 0; i < options.count; i++) {
    const number = options.numberAt(i);
    if (changesFromBlockToBlock(number) || isNoCacheKeyOption(number)) continue;
    parts.push(
      ` ${number}:${options.endAt(i) - options.startAt(i)}:`,
      binaryText(options.source, options.startAt(i), options.endAt(i)),
    );
  }
  return parts.join("");
}

function changesFromBlockToBlock(number: number): boolean {
  return number === Option.BLOCK1 || number === Option.BLOCK2 || number === Option.OBSERVE;
}

/** One character a byte: text that is equal exactly when the bytes are. */
export function binaryText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(byteAt(bytes, i));
  return text;
}
