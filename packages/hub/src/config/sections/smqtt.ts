import { z } from "zod";
import { SMQTT_DEFAULTS } from "../../smqtt/smqtt-options.js";
import { filePath, secret } from "./values.js";

const keyFile = {
  file: filePath().describe("the file, which `isthmus smqtt` has written"),
  passphrase: secret().describe("its passphrase, such as `${SMQTT_PASSPHRASE}`"),
};

const rule = z.strictObject({
  filter: z.string().min(1).describe("topics, as a topic filter; the first rule that matches applies"),
  suite: z.string().min(1).optional().describe("what to seal with; default: kp-abe, or cp-abe with a policy"),
  policy: z.string().min(1).optional().describe("who may read, for cp-abe: `doctor OR (nurse AND ward >= 3)`"),
  countersign: z.boolean().default(false).describe("sign each message"),
});

const { sealing, enrolment } = SMQTT_DEFAULTS;

/** `smqtt`: what the hub does for Secure MQTT beside carrying it. */
export const smqttSection = z.strictObject({
  authority: z
    .strictObject(keyFile)
    .optional()
    .describe("be the authority: answer devices that enrol or renew; default: only carry their requests to one"),
  sealing: z
    .strictObject({
      keys: z.strictObject(keyFile).describe("the hub's own device file; it needs no keys to read"),
      rules: z.array(rule).min(1).describe("what is sealed on behalf of publishers that cannot do it themselves"),
      max_waiting: z.int().min(1).default(sealing.maxWaiting).describe("messages that may wait to be sealed"),
      timeout_ms: z.int().min(1).default(sealing.timeoutMs).describe("milliseconds that one may wait"),
    })
    .optional()
    .describe("seal before storing and forwarding; default: nothing"),
  enrolment: z
    .strictObject({
      max_waiting: z.int().min(1).default(enrolment.maxWaiting).describe("requests that may wait for their answer"),
      timeout_ms: z.int().min(1).default(enrolment.timeoutMs).describe("milliseconds that one may wait"),
    })
    .prefault({})
    .describe("enrolment over HTTP, at `/smqtt/enrol/<authority>`"),
  workers: z
    .strictObject({
      threads: z.int().min(1).max(64).default(1).describe("worker threads, for what takes milliseconds"),
      queue_limit: z.int().min(1).default(256).describe("calls that may wait for a thread"),
    })
    .prefault({})
    .describe("where the heavy work is done"),
});
