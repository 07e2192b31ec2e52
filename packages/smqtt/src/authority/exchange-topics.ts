import { toHex } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { subjectId } from "./identity.js";

/** Requests for enrolment and renewal go to a topic under here, and their answers to one below that. */
const ENROL_PREFIX = "smqtt/enrol";
const TICKET_BYTES = 16;

/** Where the authority's signed bundle is retained: `smqtt/authority/<id of the authority>`. */
export function bundleTopic(authorityKey: Uint8Array): string {
  return `smqtt/authority/${toHex(subjectId(authorityKey))}`;
}

/** Where answers that a device did not ask for, such as renewed keys, are retained: `smqtt/device/<id>`. */
export function answerTopic(deviceId: Uint8Array): string {
  return `smqtt/device/${toHex(deviceId)}`;
}

/**
 * Where requests to the authority are published: `smqtt/enrol/<id of the authority>`. The answer to one comes at
 * `<that>/<ticket of the request>`, so that it needs no response topic and works over MQTT 3.1.1, CoAP and HTTP too.
 */
export function enrolTopic(authorityKey: Uint8Array): string {
  return `${ENROL_PREFIX}/${toHex(subjectId(authorityKey))}`;
}

/** Whether requests may be published there. */
export function isEnrolTopic(topic: string): boolean {
  return /^smqtt\/enrol\/[0-9a-f]{16}$/.test(topic);
}

/** The last level of the topic of the answer to a request: the first 16 bytes of its SHA-256, in hexadecimal. */
export function ticketOf(request: Uint8Array): string {
  return toHex(sha256(request).subarray(0, TICKET_BYTES));
}
