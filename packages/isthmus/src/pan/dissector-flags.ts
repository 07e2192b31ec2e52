import { fromHex, HexSyntaxError } from "@isthmus/bytes";
import { nodeCcmStar } from "@isthmus/lowpan/ccm-star-node";
import { Dissector } from "@isthmus/lowpan/dissect";
import { parseAddress } from "@isthmus/lowpan/wire";
import { UsageError } from "../command.js";

/** What `--context` and `--key` say. @throws UsageError. */
export function openDissector(contexts: readonly string[], key: string | undefined): Dissector {
  return new Dissector({
    contexts: contexts.map((context) => parseContext(context)),
    security: key === undefined ? undefined : { key: parseKey(key), ccmStar: nodeCcmStar },
  });
}

function parseContext(text: string): { id: number; prefix: Uint8Array; length: number } {
  const [, id, prefix, length = "64"] = /^(\d{1,2})=([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const hint = "an identifier from 0 to 15 and a prefix, as 0=2001:db8:1::/64";
  if (id === undefined || prefix === undefined || Number(id) > 15 || Number(length) > 128) {
    throw new UsageError(`"${text}" is not a context`, hint);
  }
  try {
    return { id: Number(id), prefix: parseAddress(prefix), length: Number(length) };
  } catch (error) {
    if (error instanceof Error) throw new UsageError(`"${text}" is not a context: ${error.message}`, hint);
    throw error;
  }
}

function parseKey(hex: string): Uint8Array {
  const hint = "16 octets as 32 hexadecimal digits";
  try {
    const key = fromHex(hex.replaceAll(/[\s:-]/g, ""));
    if (key.length !== 16) throw new UsageError(`a key of ${key.length} octets`, hint);
    return key;
  } catch (error) {
    if (error instanceof HexSyntaxError) throw new UsageError(`the key is not hexadecimal: ${error.message}`, hint);
    throw error;
  }
}
