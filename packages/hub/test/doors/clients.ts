import type { Hub } from "../../src/index.js";
import { Program } from "./program.js";

/** A payload of the matrix, in a file for the programs. */
export interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
  readonly file: string;
  readonly contentType: string;
  readonly contentFormat: number;
}

/** What came out at a door. */
export interface Received {
  readonly topic: string;
  readonly bytes: Buffer;
  /** Undefined where the program does not tell: it asked for it. */
  readonly contentType: string | undefined;
}

/** A subscriber that is ready: what it is told next. */
export type Subscriber = () => Promise<Received>;

/** A door, by a program that others wrote. */
export interface DoorClient {
  readonly name: string;
  /** As the last value, or as a live message alone. @returns what the program says, nothing for success. */
  publish(hub: Hub, topic: string, sample: Sample, retain: boolean): Promise<string>;
  clear(hub: Hub, topic: string): Promise<string>;
  /** Subscribes to a topic or a filter; the program has started, and says nothing of what was there before. */
  subscribe(hub: Hub, filter: string, sample: Sample): Subscriber;
  /** The last value; undefined when there is none. */
  read(hub: Hub, topic: string, sample: Sample): Promise<Received | undefined>;
}

async function say(name: string, args: readonly string[]): Promise<string> {
  const { output, errors } = await new Program(name, args).end();
  return `${output.toString("latin1")}${errors}`.trim();
}

/** mosquitto_pub and mosquitto_sub. */
const mqtt: DoorClient = {
  name: "MQTT",
  publish: (hub, topic, { file, contentType }, retain) =>
    say("mosquitto_pub", [
      ...broker(hub),
      ...(retain ? ["-r"] : []),
      "-t",
      topic,
      "-f",
      file,
      "-D",
      "publish",
      "content-type",
      contentType,
      "-q",
      "1",
    ]),
  clear: (hub, topic) => say("mosquitto_pub", [...broker(hub), "-t", topic, "-r", "-n", "-q", "1"]),
  subscribe(hub, filter) {
    const program = new Program("mosquitto_sub", [...broker(hub), "-t", filter, "-C", "1", "-q", "1", ...FORMAT]);
    return async () => parseLine((await program.end()).output);
  },
  async read(hub, topic) {
    // The marker comes after the last value, if there is one.
    const program = new Program("mosquitto_sub", [...broker(hub), "-t", topic, "-t", "marker", "-C", "1", ...FORMAT]);
    const { topic: found, ...rest } = parseLine((await program.end()).output);
    return found === "marker" ? undefined : { topic: found, ...rest };
  },
};

/** Topic, content type and payload in hexadecimal digits. */
const FORMAT = ["-F", "%t|%C|%x"];

function broker(hub: Hub): string[] {
  const { hostname, port } = new URL(hub.mqtt?.url ?? "");
  return ["-V", "mqttv5", "-h", hostname, "-p", port];
}

function parseLine(output: Buffer): Received {
  const [topic = "", contentType = "", hex = ""] = output.toString().trim().split("|");
  return { topic, contentType: contentType === "" ? undefined : contentType, bytes: Buffer.from(hex, "hex") };
}

/** coap-client of libcoap. */
const coap: DoorClient = {
  name: "CoAP",
  publish: (hub, topic, { file, contentFormat }, retain) =>
    say(COAP, ["-m", retain ? "put" : "post", "-t", `${contentFormat}`, "-f", file, coapUri(hub, topic)]),
  clear: (hub, topic) => say(COAP, ["-m", "delete", coapUri(hub, topic)]),
  subscribe(hub, filter, { bytes, contentFormat }) {
    const isFilter = /[+#]/.test(filter);
    const accept = isFilter ? 50 : contentFormat;
    const uri = `${coapUri(hub, filter)}?retained=false`;
    // Unbuffered, so that a notification is seen when it comes.
    const program = new Program("stdbuf", ["-o0", COAP, "-s", "60", "-A", `${accept}`, uri]);
    if (isFilter) return () => program.until(parsePack);
    return async () => ({
      topic: filter,
      // The program puts line ends around what it is told.
      bytes: await program.until((output) => (output.includes(bytes) ? onlyWithin(output, bytes) : undefined)),
      contentType: undefined,
    });
  },
  async read(hub, topic, { contentFormat, bytes }) {
    const said = await new Program(COAP, ["-A", `${contentFormat}`, coapUri(hub, topic)]).end();
    if (said.errors.startsWith("4.04")) return undefined;
    if (said.errors !== "") throw new Error(said.errors);
    return { topic, bytes: onlyWithin(said.output, bytes), contentType: undefined };
  },
};

const COAP = "coap-client-notls";

function coapUri(hub: Hub, topic: string): string {
  return `${hub.coap?.url}/t/${topic.replaceAll("#", "%23")}`;
}

/** The output without the line ends around `bytes`; all of it when there is anything else. */
function onlyWithin(output: Buffer, bytes: Buffer): Buffer {
  const start = output.indexOf(bytes);
  const rest = Buffer.concat([output.subarray(0, start), output.subarray(start + bytes.length)]);
  return start >= 0 && /^\n*$/.test(rest.toString("latin1")) ? bytes : output;
}

/** The first pack that is not empty. */
function parsePack(output: Buffer): Received | undefined {
  const pack = /\[(\{.*\})\]/.exec(output.toString())?.[1];
  return pack === undefined ? undefined : parseMessage(pack);
}

/** curl. */
const http: DoorClient = {
  name: "HTTP",
  publish: (hub, topic, { file, contentType }, retain) =>
    say("curl", [
      "-sS",
      "-X",
      retain ? "PUT" : "POST",
      "--data-binary",
      `@${file}`,
      "-H",
      `Content-Type: ${contentType}`,
      httpUrl(hub, topic),
    ]),
  clear: (hub, topic) => say("curl", ["-sS", "-X", "DELETE", httpUrl(hub, topic)]),
  subscribe(hub, filter) {
    const url = `${httpUrl(hub, filter)}?retained=false`;
    const program = new Program("curl", ["-sSN", "-H", "Accept: text/event-stream", url]);
    return () =>
      program.until((output) => {
        const data = /^data: (\{.*\})$/m.exec(output.toString())?.[1];
        return data === undefined ? undefined : parseMessage(data);
      });
  },
  async read(hub, topic) {
    const { output } = await new Program("curl", ["-s", "-D", "-", httpUrl(hub, topic)]).end();
    const end = output.indexOf("\r\n\r\n");
    const head = output.subarray(0, end).toString("latin1");
    if (head.startsWith("HTTP/1.1 404")) return undefined;
    return { topic, bytes: output.subarray(end + 4), contentType: /^content-type: (.*?)\r?$/im.exec(head)?.[1] };
  },
};

function httpUrl(hub: Hub, topic: string): string {
  return `${hub.http?.url}/topics/${topic.replaceAll("#", "%23")}`;
}

/** A message as JSON tells it, see content/message-form.ts. */
function parseMessage(json: string): Received {
  const form = JSON.parse(json) as Record<"topic" | "payload" | "payloadBase64" | "contentType", string | undefined>;
  const { topic = "", payload, payloadBase64, contentType } = form;
  const bytes = payload === undefined ? Buffer.from(payloadBase64 ?? "", "base64") : Buffer.from(payload);
  return { topic, bytes, contentType };
}

/** All doors, each as a source and as a sink. */
export const doorClients: readonly DoorClient[] = [mqtt, coap, http];
