import { Agent, request as httpRequest } from "node:http";
import { CoapClient } from "@isthmus/coap";
import { createConnector } from "@isthmus/coap/transport-node";
import { type Client, connect } from "@isthmus/mqtt";
import type { ProtocolVersion, QoS } from "@isthmus/mqtt/codec";

/** The hub that all is sent to. */
export interface ComparedHub {
  readonly mqtt: string;
  readonly coap: string;
  readonly http: string;
  /** Publishes within the hub's process: no packet goes over the wire. */
  publish(topic: string, payload: string): Promise<unknown>;
}

/** What is sent. */
export interface Reading {
  readonly topic: string;
  readonly payload: string;
}

/** A connection, or whatever a way needs for more than one message. */
export interface Sender {
  send(): Promise<void>;
  close(): Promise<void>;
}

/** One way for a reading to get to the hub, or from it to one who waits for it. */
export interface Way {
  readonly name: string;
  /** Round trips until the sender knows of the first message, those of the connection included; and of each one after. */
  readonly roundTrips: readonly [first: string, next: string];
  open(hub: ComparedHub, reading: Reading): Promise<Sender>;
}

const CLIENT_ID = "sensor-1";

function mqtt(version: ProtocolVersion, qos: QoS, usesAlias = false): Way {
  const name = `MQTT ${version === 5 ? "5.0" : "3.1.1"} QoS ${qos}${usesAlias ? ", topic alias" : ""}`;
  // TCP and CONNECT, then PUBLISH with no, one or two exchanges.
  return {
    name,
    roundTrips: [String(2 + qos), String(qos)],
    async open(hub, { topic, payload }) {
      const client = await connect(hub.mqtt, {
        protocolVersion: version,
        clientId: CLIENT_ID,
        reconnect: false,
        sessionExpiryIntervalSeconds: version === 5 ? 0 : undefined,
        usesTopicAliases: usesAlias,
      });
      return senderOf(client, () => client.publish(topic, payload, { qos }));
    },
  };
}

function senderOf(client: Client, publish: () => Promise<unknown>): Sender {
  return {
    async send() {
      await publish();
      // Each reading on its own: sensors do not save them up to fill a packet.
      await new Promise((resolve) => setImmediate(resolve));
    },
    close: () => client.close(),
  };
}

function coapPut(isConfirmable: boolean): Way {
  return {
    name: isConfirmable ? "CoAP PUT, CON" : "CoAP PUT, NON",
    roundTrips: ["1", "1"],
    async open(hub, { topic, payload }) {
      const client = new CoapClient({ connector: createConnector() });
      return {
        async send() {
          const options = { method: "PUT", body: payload, isConfirmable } as const;
          const response = await client.request(`${hub.coap}/t/${topic}`, options);
          if (!response.ok) throw new Error(response.toString());
        },
        close: () => client.close(),
      };
    },
  };
}

/** From the hub to one observer: what a reading costs on the way down. */
function observe(): Way {
  return {
    name: "CoAP Observe, to an observer",
    roundTrips: ["1", "0"],
    async open(hub, { topic, payload }) {
      const client = new CoapClient({ connector: createConnector() });
      const stream = client.observe(`${hub.coap}/t/${topic}`);
      // The registration's answer: the value that there is.
      await stream.next();
      return {
        async send() {
          await hub.publish(topic, payload);
          await stream.next();
        },
        async close() {
          await stream.return?.();
          await client.close();
        },
      };
    },
  };
}

function http(isKept: boolean): Way {
  return {
    name: isKept ? "HTTP PUT, connection kept" : "HTTP PUT, a connection each",
    roundTrips: isKept ? ["2", "1"] : ["2", "2"],
    async open(hub, { topic, payload }) {
      const agent = new Agent({ keepAlive: isKept, maxSockets: 1 });
      return {
        send: () => put(`${hub.http}/topics/${topic}?retain=false`, payload, agent),
        close: async () => agent.destroy(),
      };
    },
  };
}

function put(url: string, body: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "text/plain", "content-length": Buffer.byteLength(body) };
    const request = httpRequest(url, { method: "PUT", agent, headers }, (response) => {
      response.resume();
      response.on("end", () => {
        if ((response.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** All ways, in the order of the table. */
export const WAYS: readonly Way[] = [
  mqtt(4, 0),
  mqtt(4, 1),
  mqtt(4, 2),
  mqtt(5, 0),
  mqtt(5, 0, true),
  mqtt(5, 1),
  mqtt(5, 1, true),
  mqtt(5, 2),
  coapPut(false),
  coapPut(true),
  observe(),
  http(true),
  http(false),
];
