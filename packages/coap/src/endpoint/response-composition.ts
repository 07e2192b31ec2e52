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
  const isBlock = isBlockOf(block2, response.code);
  const isCut = payload.length > limit.payloadBytes || isBlock;
  if (allowance === NEVER) return isCut ? cut(whole, context, limit) : { message: whole, more: false };
  if (!isCut && datagramLength(whole) <= allowance) return { message: whole, more: false };
  return squeeze(whole, context);
}

/** An error is no block of what was asked for, nor is 2.31: only what is too long itself goes in blocks. */
function isBlockOf(block2: Block | undefined, code: number): boolean {
  return block2 !== undefined && isSuccessCode(code) && code !== Code.CONTINUE;
}

/** The block of `whole` that is asked for. */
function cut(whole: CoapMessage, { block2 }: CompositionContext, limit: BlockLimit): Composition {
  const slice = sliceBlock(whole.payload, isBlockOf(block2, whole.code) ? block2 : undefined, limit);
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
 * As much of `whole` as an unverified address may get (RFC 9175 2.4): the largest block that fits, else a challenge.
 *
 * Never less than what it says: a representation without its payload would be another one.
 */
function squeeze(whole: CoapMessage, context: CompositionContext): Composition {
  const { allowance, limit, block2, isSafe, observe } = context;
  if (!isSuccessCode(whole.code)) return { message: shorten(whole, allowance), more: false };
  for (let szx = Math.min(limit.szx, block2?.szx ?? limit.szx); szx >= 0; szx--) {
    const { message, more } = cut(whole, context, { szx, payloadBytes: blockSize(szx) });
    // The challenge is worth more than the size, and there may not be room for both.
    const composition = { message: { ...message, options: message.options.without(Option.SIZE2) }, more };
    if (datagramLength(composition.message) <= allowance) return withChallenge(composition, context);
  }
  // A notification waits: it is sent when the allowance has grown, or never.
  if (observe !== undefined) return cut(whole, context, limit);
  // What was done cannot be undone by asking again: the code has to do.
  return isSafe ? challenge(context) : { message: shorten(whole, allowance), more: false };
}

/** `whole` without its payload, and without its options when it is still too long. */
function shorten(whole: CoapMessage, allowance: number): CoapMessage {
  const bare = { ...whole, payload: NO_BYTES };
  return datagramLength(bare) <= allowance ? bare : { ...bare, options: Options.NONE };
}

/** 4.01 with an Echo option: ask again, and show that you get this. */
function challenge(context: CompositionContext): Composition {
  const { token, allowance } = context;
  const options = context.challenge === undefined ? Options.NONE : Options.of([Option.ECHO, context.challenge]);
  const message = shorten({ code: Code.UNAUTHORIZED, token, options, payload: NO_BYTES }, allowance);
  return { message, more: false, isChallenge: true };
}

/** RFC 9175 2.3: a client that knows Echo returns it with its next request, and is verified then. */
function withChallenge(composition: Composition, { challenge, allowance }: CompositionContext): Composition {
  if (challenge === undefined) return composition;
  const { message } = composition;
  const challenged = { ...message, options: message.options.with(Option.ECHO, challenge) };
  return datagramLength(challenged) <= allowance ? { ...composition, message: challenged } : composition;
}
