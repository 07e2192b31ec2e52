import { fromHex } from "@isthmus/bytes";
import type { Authority } from "../authority/authority.js";
import { answerTopic, bundleTopic } from "../authority/exchange-topics.js";
import type { PlainClient } from "./plain-client.js";

/**
 * Publishes the authority's word, retained: the bundle, by which publishers hear of revocations and rotations, after
 * the renewed keys, so that no reader misses a message between the two.
 *
 * @param answers device id in hexadecimal to its renewed keys, of `renew` or `renewAll`.
 */
export async function announce(
  client: PlainClient,
  authority: Authority,
  answers: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<void> {
  for (const [id, answer] of answers) {
    await client.publish(answerTopic(fromHex(id)), answer, { qos: 1, retain: true });
  }
  await client.publish(bundleTopic(authority.signingKey), authority.bundle(), { qos: 1, retain: true });
}
