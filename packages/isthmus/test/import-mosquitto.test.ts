import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createHub } from "@isthmus/hub";
import { hubOptionsOf, loadConfig } from "@isthmus/hub/config";
import { type Client, connect } from "@isthmus/mqtt";
import { findProgram, launchMosquitto } from "@isthmus/testing/peers";
import { afterAll, expect, test } from "vitest";
import { importConf } from "../src/config/mosquitto/index.js";

const folder = mkdtempSync(path.join(tmpdir(), "isthmus-acl-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ACL = `
topic read public/#
topic write inbox/anonymous
user anna
topic house/#
topic deny house/secret
user ben
topic write house/+/temperature
topic read public/news
user admin
topic #
pattern readwrite clients/%c/#
pattern write users/%u/status
pattern read done
`;

const CALLERS = [
  { clientId: "a1", username: "anna", password: "one" },
  { clientId: "b1", username: "ben", password: "two" },
  { clientId: "x1" },
];

const TOPICS = [
  "public/news",
  "public/weather/today",
  "inbox/anonymous",
  "house/kitchen/temperature",
  "house/kitchen/light",
  "house/secret",
  "clients/a1/x",
  "clients/b1/x",
  "users/anna/status",
  "users/ben/status",
  "other",
];

/** Which topics each caller may write, and which reach it. */
async function probe(url: string): Promise<unknown> {
  const clients = await Promise.all(CALLERS.map((caller) => connect(url, { reconnect: false, ...caller })));
  const admin = await connect(url, { reconnect: false, username: "admin", password: "three" });
  try {
    const readable = clients.map((client) => topicsUntilDone(client));
    const writable = await Promise.all(clients.map((client) => writableTopics(client)));
    for (const topic of TOPICS) await admin.publish(topic, "x", { qos: 1 });
    await admin.publish("done", "x", { qos: 1 });
    return { writable, readable: await Promise.all(readable) };
  } finally {
    await Promise.all([...clients, admin].map((client) => client.close()));
  }
}

async function writableTopics(client: Client): Promise<string[]> {
  const allowed: string[] = [];
  for (const topic of TOPICS) {
    await client.publish(topic, "x", { qos: 1 }).then(
      () => allowed.push(topic),
      () => undefined,
    );
  }
  return allowed;
}

async function topicsUntilDone(client: Client): Promise<string[]> {
  const topics = new Set<string>();
  for await (const { topic } of await client.subscribe("#")) {
    if (topic === "done") break;
    topics.add(topic);
  }
  return [...topics].sort();
}

const program = findProgram("mosquitto");
// Comes with it.
const makesPasswords = findProgram("mosquitto_passwd");

test.runIf(program && makesPasswords)(
  "an acl_file means the same to mosquitto and to the hub that it was imported into",
  async () => {
    const [users, acl, conf] = ["passwd", "acl", "mosquitto.conf"].map((name) => path.join(folder, name)) as [string, string, string]; // prettier-ignore
    writeFileSync(acl, ACL);
    for (const [index, user, password] of [
      ["-c", "anna", "one"],
      ["", "ben", "two"],
      ["", "admin", "three"],
    ]) {
      execFileSync(makesPasswords ?? "", [...(index === "" ? [] : ["-c"]), "-b", users, user ?? "", password ?? ""]);
    }
    const config = `password_file ${users}\nacl_file ${acl}\nallow_anonymous true`;
    writeFileSync(conf, `${config}\nlistener 1883 127.0.0.1\n`);
    const yaml = path.join(folder, "isthmus.yaml");
    writeFileSync(yaml, importConf(conf).text);
    const options = hubOptionsOf(loadConfig({ file: yaml }).config);
    await using mosquitto = await launchMosquitto(program ?? "", { config });
    const hub = await createHub({ ...options, listeners: [{ type: "mqtt", port: 0 }] });
    try {
      const verdicts = await probe(hub.mqtt?.url ?? "");
      expect(verdicts).toMatchObject({ writable: [expect.arrayContaining(["house/kitchen/light"]), {}, {}] });
      expect(verdicts).toEqual(await probe(mosquitto.url));
    } finally {
      await hub.close();
    }
  },
);
