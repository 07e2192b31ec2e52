import { EnrolmentError } from "../authority/enrolment.js";
import { enrolTopic, ticketOf } from "../authority/exchange-topics.js";
import type { Joining, Membership } from "../authority/membership.js";
import { CoseError } from "../envelope/cose-parameters.js";
import { type RandomBytes, secureRandomBytes } from "../random.js";
import type { PlainClient } from "./plain-client.js";

/** How to ask the authority over a broker. */
export interface AskOptions {
  /** How long to wait for the answer. Default 30,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Enrols over a broker: the request goes to the authority's topic, and whoever carries it learns no key.
 *
 * @throws EnrolmentError when the authority refuses, or does not answer in time.
 * @example
 * const joining = await Membership.request(invitation, createIdentity(secureRandomBytes), { crypto, random });
 * const membership = await enrolOver(await connect("mqtt://hub"), joining);
 */
export async function enrolOver(client: PlainClient, joining: Joining, options: AskOptions = {}): Promise<Membership> {
  return ask(client, joining.file.authorityKey, joining.request, (answer) => joining.complete(answer), options);
}

/** Renews a device's keys over a broker. @throws EnrolmentError as {@link enrolOver}. */
export async function renewOver(
  client: PlainClient,
  membership: Membership,
  { random = secureRandomBytes, ...options }: AskOptions & { readonly random?: RandomBytes } = {},
): Promise<void> {
  const { bytes, nonce } = await membership.requestRenewal(random);
  await ask(client, membership.authorityKey, bytes, async (answer) => membership.renew(answer, nonce), options);
}

async function ask<V>(
  client: PlainClient,
  authorityKey: Uint8Array,
  request: Uint8Array,
  accept: (answer: Uint8Array) => Promise<V>,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: AskOptions,
): Promise<V> {
  const topic = enrolTopic(authorityKey);
  const answers = await client.subscribe(`${topic}/${ticketOf(request)}`, { qos: 1 });
  const timer = setTimeout(() => void answers.close(), timeoutMs);
  try {
    await client.publish(topic, request, { qos: 1 });
    for await (const { payload } of answers) {
      try {
        return await accept(payload);
      } catch (cause) {
        // Anyone may write to this topic: what the authority did not sign is no answer.
        if (!(cause instanceof CoseError)) throw cause;
      }
    }
    throw new EnrolmentError(`the authority did not answer within ${timeoutMs / 1000} s`);
  } finally {
    clearTimeout(timer);
    await answers.close();
  }
}
