import { ScramError } from "./scram-error.js";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** @throws ScramError for anything but padded base64 (RFC 5802 7). */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!BASE64.test(text)) throw new ScramError("invalid-encoding", "not base64");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
