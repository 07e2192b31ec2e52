import type { FormatFault } from "../../src/codec/index.js";

/** One datagram: what it says, or why it says nothing. */
export interface DatagramCase {
  readonly title: string;
  readonly hex: string;
  /** In the notation of the ladders. */
  readonly message?: string;
  readonly fault?: FormatFault;
  readonly clause: string;
}

export const datagramCases: readonly DatagramCase[] = [
  {
    title: "figure 16: a request",
    hex: "40 01 7d34 bb 74656d7065726174757265",
    message: "CON 7d34 GET /temperature",
    clause: "RFC 7252 A",
  },
  {
    title: "figure 16: its response",
    hex: "60 45 7d34 ff 32322e332043",
    message: 'ACK 7d34 2.05 "22.3 C"',
    clause: "RFC 7252 A",
  },
  {
    title: "figure 17: a request with a token",
    hex: "41 01 7d35 20 bb 74656d7065726174757265",
    message: "CON 7d35 GET #20 /temperature",
    clause: "RFC 7252 A",
  },
  {
    title: "figure 17: its response",
    hex: "61 45 7d35 20 ff 32322e332043",
    message: 'ACK 7d35 2.05 #20 "22.3 C"',
    clause: "RFC 7252 A",
  },
  { title: "an Empty acknowledgement", hex: "60 00 1234", message: "ACK 1234", clause: "RFC 7252 4.2" },
  { title: "a Reset", hex: "70 00 ffff", message: "RST ffff", clause: "RFC 7252 4.2" },
  { title: "a ping", hex: "40 00 0000", message: "CON 0000", clause: "RFC 7252 4.3" },
  {
    title: "a token of 8 bytes",
    hex: "58 02 0001 0102030405060708",
    message: "NON 0001 POST #0102030405060708",
    clause: "RFC 7252 3",
  },
  {
    title: "an option of number 0x0c, 1 byte",
    hex: "50 45 0001 c1 28",
    message: "NON 0001 2.05 cf=40",
    clause: "RFC 7252 3.1",
  },
  {
    title: "an option delta of 13 to 268, one extended byte",
    hex: "50 45 0001 d1 01 01",
    message: "NON 0001 2.05 max-age=1",
    clause: "RFC 7252 3.1",
  },
  {
    title: "an option delta of 269 and more, two extended bytes",
    hex: "50 02 0001 e1 0017 07",
    message: "NON 0001 POST tag=07",
    clause: "RFC 7252 3.1",
  },
  {
    title: "an option length of 13, one extended byte",
    hex: "50 01 0001 bd 00 6162636465666768696a6b6c6d",
    message: "NON 0001 GET /abcdefghijklm",
    clause: "RFC 7252 3.1",
  },
  {
    title: "options of the same number",
    hex: "50 01 0001 b1 61 01 62 00",
    message: "NON 0001 GET /a/b/",
    clause: "RFC 7252 3.1",
  },
  {
    title: "the highest option number",
    hex: "50 01 0001 e1 fef2 07",
    message: "NON 0001 GET 65535=07",
    clause: "RFC 7252 3.1",
  },
  {
    title: "Observe in its shortest form",
    hex: "40 01 0001 60",
    message: "CON 0001 GET obs=0",
    clause: "RFC 7252 3.2",
  },

  { title: "no bytes", hex: "", fault: "short-header", clause: "RFC 7252 3" },
  { title: "three bytes", hex: "40 01 00", fault: "short-header", clause: "RFC 7252 3" },
  { title: "version 0", hex: "00 01 0001", fault: "unknown-version", clause: "RFC 7252 3" },
  { title: "version 2", hex: "80 01 0001", fault: "unknown-version", clause: "RFC 7252 3" },
  { title: "version 3", hex: "c0 01 0001", fault: "unknown-version", clause: "RFC 7252 3" },
  { title: "a token of 9 bytes", hex: "49 01 0001 010203040506070809", fault: "token-length", clause: "RFC 7252 3" },
  {
    title: "token length 13",
    hex: "4d 01 0001 00 01020304050607080910111213",
    fault: "token-length",
    clause: "RFC 7252 3",
  },
  { title: "token length 15", hex: "4f 01 0001", fault: "token-length", clause: "RFC 8974 2.1" },
  { title: "a token cut short", hex: "44 01 0001 010203", fault: "token-short", clause: "RFC 7252 3" },
  { title: "an Empty message with a token", hex: "41 00 0001 01", fault: "empty-not-empty", clause: "RFC 7252 4.1" },
  {
    title: "an Empty message with a token length and no token",
    hex: "41 00 0001",
    fault: "empty-not-empty",
    clause: "RFC 7252 4.1",
  },
  {
    title: "an Empty message with an option",
    hex: "40 00 0001 b1 61",
    fault: "empty-not-empty",
    clause: "RFC 7252 4.1",
  },
  { title: "a code of class 1", hex: "40 21 0001", fault: "reserved-code-class", clause: "RFC 7252 3" },
  { title: "a code of class 6", hex: "40 c1 0001", fault: "reserved-code-class", clause: "RFC 7252 3" },
  { title: "a code of class 7", hex: "40 e1 0001", fault: "reserved-code-class", clause: "RFC 8323 5.1" },
  { title: "a payload marker without payload", hex: "40 01 0001 ff", fault: "no-payload", clause: "RFC 7252 3" },
  { title: "an option delta of 15", hex: "40 01 0001 f0", fault: "option-header", clause: "RFC 7252 3.1" },
  { title: "an option length of 15", hex: "40 01 0001 0f", fault: "option-header", clause: "RFC 7252 3.1" },
  { title: "an extended delta cut short", hex: "40 01 0001 e1 00", fault: "option-short", clause: "RFC 7252 3.1" },
  { title: "an extended length cut short", hex: "40 01 0001 0d", fault: "option-short", clause: "RFC 7252 3.1" },
  { title: "an option value cut short", hex: "40 01 0001 b3 6161", fault: "option-short", clause: "RFC 7252 3.1" },
  {
    title: "an option number beyond 65535",
    hex: "40 01 0001 e0 fef2 10",
    fault: "option-number",
    clause: "RFC 7252 3.1",
  },
];
