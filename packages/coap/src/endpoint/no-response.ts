import { Code, isSuccessCode } from "../codec/codes.js";

/**
 * Whether the client does not want a response of this code's class (RFC 7967 2.1): bit `class - 1` of the No-Response
 * option. A multicast request without the option does not want errors (RFC 7252 8.2).
 */
export function isSuppressed(noResponse: number | undefined, code: number, isMulticast: boolean): boolean {
  // 2.31 is what makes the client send the next block: without it nothing would get through.
  if (code === Code.CONTINUE) return false;
  if (noResponse === undefined) return isMulticast && !isSuccessCode(code);
  return (noResponse & (1 << ((code >>> 5) - 1))) !== 0;
}
