import { formatAge } from "../model/format.js";
import type { KeptMessage } from "../model/topic-entry.js";

/** How long ago a message came; a dash for one that was there before the page. */
export function ageOf({ isOfOld, receivedAt }: KeptMessage): string {
  return isOfOld ? "–" : formatAge(performance.now() - receivedAt);
}
