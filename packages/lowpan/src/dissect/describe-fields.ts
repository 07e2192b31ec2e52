import { formatAddress } from "../wire/ip/address.js";
import { formatLinkAddress } from "../wire/mac/link-address.js";
import { formatOctets, type Layer, LayerBuilder } from "./layer.js";

/** A message that was decoded to an object, or a part of one. */
type Decoded = object & { readonly type?: string };

/** The layer of a decoded message: what its fields are called is what they are named in the code. */
export function describeFields(name: string, message: Decoded, at: number, end: number): Layer {
  const layer = new LayerBuilder(message.type === undefined ? name : `${name}: ${words(message.type)}`, at);
  noteFields(layer, message, at, end, "");
  return layer.build(end);
}

function noteFields(layer: LayerBuilder, message: Decoded, at: number, end: number, indent: string): void {
  for (const [key, value] of Object.entries<unknown>({ ...message })) {
    if (key === "type" || value === undefined) continue;
    if (isListOfMessages(value)) {
      for (const option of value) {
        layer.note(at, end, `${indent}${singular(key)}`, words(option.type ?? ""));
        noteFields(layer, option, at, end, `${indent}  `);
      }
    } else {
      const text = formatValue(key, value);
      if (text !== undefined) layer.note(at, end, `${indent}${words(key)}`, text);
    }
  }
}

function isListOfMessages(value: unknown): value is readonly Decoded[] {
  return (
    Array.isArray(value) && value.every((each: unknown) => typeof each === "object" && !(each instanceof Uint8Array))
  );
}

function formatValue(key: string, value: unknown): string | undefined {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" || typeof value === "string") return String(value);
  if (value instanceof Uint8Array) return formatBytes(key, value);
  if (Array.isArray(value)) return value.map((each: unknown) => formatValue(key, each) ?? "").join(", ") || "none";
  return undefined;
}

/** Sixteen octets are an IPv6 address, what is called an address and shorter is one of the link. */
function formatBytes(key: string, bytes: Uint8Array): string {
  if (bytes.length === 16) return formatAddress(bytes);
  if (/address|coordinator/i.test(key) && (bytes.length === 2 || bytes.length === 8)) return formatLinkAddress(bytes);
  return formatOctets(bytes);
}

/** `routerLifetimeSeconds` as "router lifetime seconds", `dao-ack` as "dao ack". */
function words(name: string): string {
  return name
    .replace(/^(?:is|has)(?=[A-Z])/, "")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll("-", " ")
    .toLowerCase();
}

function singular(name: string): string {
  return words(name).replace(/s$/, "");
}
