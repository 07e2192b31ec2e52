import { setTimeout as delay } from "node:timers/promises";
import { createHub, type Hub, ListenError } from "@isthmus/hub";
import { parseArguments } from "../coap/operands.js";
import { type Command, type Terminal, UsageError } from "../command.js";
import { CoapDevices } from "../demo/coap-devices.js";
import { HttpReader } from "../demo/http-reader.js";
import { MqttSensors } from "../demo/mqtt-sensors.js";
import { decimal, type FlagTable, integer, renderHelp } from "../flags.js";

const FLAGS = {
  mqttPort: integer("--mqtt-port", "PORT", "the hub's MQTT door (1883); 0 picks a free port", [0, 65_535]),
  coapPort: integer("--coap-port", "PORT", "its CoAP door (5683); 0 likewise", [0, 65_535]),
  httpPort: integer("--http-port", "PORT", "its HTTP door (8080); 0 likewise", [0, 65_535]),
  every: decimal("--every", "SECONDS", "seconds between two readings of a sensor (2)", 0.05),
} as const satisfies FlagTable;

/** `isthmus demo`: a small house, so that all doors are seen to move. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Runs a hub and a small house around it on real sockets: sensors that publish over MQTT, devices that register over\n" +
      "CoAP, and a reader of the event stream over HTTP, whose lines are printed. All is in memory, and on this machine.",
    usage: ["isthmus demo [flags]"],
    groups: [{ title: "Flags", flags: FLAGS }],
    examples: ["isthmus demo"],
    exitCodes: ["0 when it was told to stop", "1 when it could not start"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "demo");
    if (operands.length > 0) throw new UsageError(`nothing to do with "${operands[0]}"`, "isthmus demo --help");
    const everyMs = (values.every ?? 2) * 1000;
    const hub = await open(values.mqttPort ?? 1883, values.coapPort ?? 5683, values.httpPort ?? 8080);
    const urls = { mqtt: hub.mqtt?.url ?? "", coap: hub.coap?.url ?? "", http: hub.http?.url ?? "" };
    terminal.stdout.write(introduction(urls));
    const reader = new HttpReader(urls.http, "#", ({ topic, payload, door }) => {
      terminal.stdout.write(`${door.padEnd(4)} > http  ${topic.padEnd(32)} ${payload}\n`);
    });
    const sensors = await MqttSensors.start(urls.mqtt, everyMs);
    const devices = await CoapDevices.start(urls.coap, everyMs);
    await untilAborted(terminal);
    await devices.close();
    await sensors.close();
    await reader.close();
    await hub.close();
    return 0;
  },
};

async function open(mqttPort: number, coapPort: number, httpPort: number): Promise<Hub> {
  try {
    return await createHub({ mqtt: { port: mqttPort }, coap: { port: coapPort }, http: { port: httpPort } });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new UsageError(error.message, "--mqtt-port, --coap-port and --http-port choose others");
  }
}

/** What there is, and what to try. */
function introduction({ mqtt, coap, http }: { mqtt: string; coap: string; http: string }): string {
  const [mqttPort, coapUri] = [new URL(mqtt.replace("mqtt:", "http:")).port || "1883", coap];
  return `mqtt  ${mqtt}   two sensors publish
coap  ${coap}   two devices have registered
http  ${http}  a reader prints what it is told

Open ${http} in a browser: topics as they move. Try, in another terminal:
  mosquitto_sub -p ${mqttPort} -v -t 'house/#' -t 'devices/#'
  coap-client -m get ${coapUri}/nest_bedroom/temp
  mosquitto_pub -p ${mqttPort} -t devices/garden/lamp -m on
  curl ${http}/topics/house/living-room/temperature
  curl -X PUT -d 'hello' ${http}/topics/house/door/bell

`;
}

async function untilAborted({ signal }: Terminal): Promise<void> {
  while (!signal.aborted) await delay(60_000, undefined, { signal }).catch(() => undefined);
}
