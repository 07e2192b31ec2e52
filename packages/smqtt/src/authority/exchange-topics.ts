import { toHex } from "@isthmus/bytes";
import { subjectId } from "./identity.js";

/** Where the authority's signed bundle is retained: `smqtt/authority/<id of the authority>`. */
export function bundleTopic(authorityKey: Uint8Array): string {
  return `smqtt/authority/${toHex(subjectId(authorityKey))}`;
}

/** Where answers that a device did not ask for, such as renewed keys, are retained: `smqtt/device/<id>`. */
export function answerTopic(deviceId: Uint8Array): string {
  return `smqtt/device/${toHex(deviceId)}`;
}
