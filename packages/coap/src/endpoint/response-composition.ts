import { NEVER } from "@isthmus/machine";
import { type Block, blockSize, encodeBlock } from "../codec/block.js";
import { Code, isSuccessCode } from "../codec/codes.js";
import { datagramLength } from "../codec/datagram.js";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import { Options } from "../codec/options.js";
import { sliceBlock } from "./block-slice.js";
import type { Response } from "./incoming.js";
import type { BlockLimit } from "./lower-layer.js";

/** What a response has to fit to. */
export interface CompositionContext {
  readonly token: Uint8Array;
  /** To be returned with the response to a body that came in blocks. */
  readonly block1: Block | undefined;
  /** The block that is asked for. */
  readonly block2: Block | undefined;
  /** The sequence number of a notification. */
  readonly observe: number | undefined;
  readonly limit: BlockLimit;
  /** Bytes that the peer may be sent: few while its address is unverified. */
  readonly allowance: number;
  /** What an unverified peer is to return in its Echo option. */
  readonly challenge: Uint8Array | undefined;
  /** Whether asking again does no harm, so that the client may be told to. */
  readonly isSafe: boolean;
}

/** A message, and whether blocks of its body are left to be asked for. */
export interface Composition {
  readonly message: CoapMessage;
  readonly more: boolean;
  /** RFC 9175 2.4: a challenge MUST NOT be sent as a separate Confirmable response. */
  readonly isChallenge?: boolean;
}

/** The message, or the block of it, that says `response`. */
export function composeResponse(response: Response, context: CompositionContext): Composition {
  const payload = response.payload ?? NO_BYTES;
  const { token, block1, block2, observe, limit, allowance } = context;
  let options = response.options ?? Options.NONE;
  // RFC 7959 2.3: the response to the last block carries its Block1 option.
  if (block1 !== undefined) options = options.with(Option.BLOCK1, encodeBlock(block1));
  if (observe !== undefined) options = options.with(Option.OBSERVE, observe);
  const whole: CoapMessage = { code: response.code, token, options, payload };
  const isCut = payload.length > limit.payloadBytes || block2 !== undefined;
  if (allowance === NEVER) return isCut ? cut(whole, context, limit) : { message: whole, more: false };
  if (!isCut && datagramLength(whole) <= allowance) return { message: whole, more: false };
  return squeeze(whole, context);
}

/** The block of `whole` that is asked for. */
function cut(whole: CoapMessage, { block2 }: CompositionContext, limit: BlockLimit): Composition {
  const slice = sliceBlock(whole.payload, block2, limit);
  if (slice === undefined) {
    return { message: { ...whole, code: Code.BAD_REQUEST, options: Options.NONE, payload: NO_BYTES }, more: false };
  }
  const { block, payload } = slice;
  let options = whole.options.with(Option.BLOCK2, encodeBlock(block));
  // RFC 7959 4: the size is of most use with the first block.
  if (block.number === 0 && block.more) options = options.with(Option.SIZE2, whole.payload.length);
  return { message: { ...whole, options, payload }, more: block.more };
}

/**
 * As much of `whole` as an unverified address may get (RFC 9175 2.4): the largest block that fits, else a challenge,
 * else nothing but the code.
 */
function squeeze(whole: CoapMessage, context: CompositionContext): Composition {
  const { allowance, challenge, limit, block2, isSafe, token } = context;
  if (isSuccessCode(whole.code) && whole.payload.length > 0) {
    for (let szx = Math.min(limit.szx, block2?.szx ?? limit.szx); szx >= 0; szx--) {
      const { message, more } = cut(whole, context, { szx, payloadBytes: blockSize(szx) });
      // The challenge is worth more than the size, and there may not be room for both.
      const composition = { message: { ...message, options: message.options.without(Option.SIZE2) }, more };
      if (datagramLength(composition.message) <= allowance) return withChallenge(composition, context);
    }
    const demand = { code: Code.UNAUTHORIZED, token, options: echo(challenge), payload: NO_BYTES };
    if (isSafe && challenge !== undefined && datagramLength(demand) <= allowance)
      return { message: demand, more: false };
  }
  const withoutPayload = { ...whole, payload: NO_BYTES };
  if (datagramLength(withoutPayload) <= allowance) return { message: withoutPayload, more: false };
  return { message: { ...withoutPayload, options: Options.NONE }, more: false };
}

/** RFC 9175 2.3: a client that knows Echo returns it with its next request, and is verified then. */
function withChallenge(composition: Composition, { challenge, allowance }: CompositionContext): Composition {
  if (challenge === undefined) return composition;
  const { message } = composition;
  const challenged = { ...message, options: message.options.with(Option.ECHO, challenge) };
  return datagramLength(challenged) <= allowance ? { ...composition, message: challenged } : composition;
}

function echo(challenge: Uint8Array | undefined): Options {
  return challenge === undefined ? Options.NONE : Options.of([Option.ECHO, challenge]);
}
