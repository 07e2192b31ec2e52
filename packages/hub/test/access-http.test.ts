import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { encodeUtf8 } from "@isthmus/bytes";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Credentials } from "../src/access/access.js";
import { HttpSource, type HttpSourceOptions } from "../src/access/sources/http-source.js";
import { AccessError } from "../src/index.js";
import { TcpHub } from "./test-hub.js";

type Answer = readonly [status: number, body?: unknown];
let server: Server;
let url: string;
/** What the hub has asked. */
let questions: { headers: IncomingMessage["headers"]; body: Record<string, unknown> }[] = [];
/** What the server answers; undefined: nothing at all. */
let answer: Answer | undefined;

beforeAll(async () => {
  server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/auth`;
});
beforeEach(() => {
  questions = [];
  answer = [200];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // The source sends an object.
  questions.push({ headers: request.headers, body: JSON.parse(await text(request)) as Record<string, unknown> });
  if (answer === undefined) return;
  const [status, body] = answer;
  response.writeHead(status, { location: url }).end(typeof body === "string" ? body : JSON.stringify(body));
}

const ANNA: Credentials = {
  door: "mqtt",
  listener: "mqtts",
  address: "[2001:db8::1]:50000",
  clientId: "phone",
  user: "anna",
  password: encodeUtf8("sesame"),
};

function source(options: Partial<HttpSourceOptions> = {}): HttpSource {
  return new HttpSource({ type: "http", url, cacheSeconds: 0, ...options });
}

describe("who is asked over HTTP", () => {
  test("is told who wants in, and from where", async () => {
    const headers = [{ name: "Authorization", value: "Bearer x" }];
    expect(await source({ headers }).identify(ANNA)).toMatchObject({ user: "anna", source: "http" });
    expect(questions[0]?.headers).toMatchObject({ authorization: "Bearer x", "content-type": "application/json" });
    expect(questions[0]?.body).toEqual({
      door: "mqtt",
      listener: "mqtts",
      ipaddress: "2001:db8::1",
      clientid: "phone",
      username: "anna",
      password: "sesame",
    });
  });

  test.each<[Answer, object]>([
    [[204], { user: "anna" }],
    [[200, "welcome"], { user: "anna" }],
    [[200, { result: "allow" }], { user: "anna" }],
    [[200, { result: "deny" }], { reasonCode: 0x86 }],
    [[401], { reasonCode: 0x86 }],
    [[403, { result: "allow" }], { reasonCode: 0x86 }],
    [[200, { result: "perhaps" }], { reasonCode: 0x88 }],
    [[302], { reasonCode: 0x88 }],
    [[500, { result: "allow" }], { reasonCode: 0x88 }],
    [[200, { result: "allow", acl: [{ topic: "a/#/b" }] }], { reasonCode: 0x88 }],
    [[200, { result: "allow", expire_at: "soon" }], { reasonCode: 0x88 }],
    [[200, { result: "allow", username: "" }], { reasonCode: 0x88 }],
    [[200, "x".repeat(300_000)], { reasonCode: 0x88 }],
    [
      [
        200,
        { result: "allow", username: "Anna", groups: ["g"], acl: [{ action: "publish", topic: "a" }], expire_at: 2e9 },
      ],
      { user: "Anna", groups: ["g"], rules: [{ allow: "write", topics: ["a"] }], expiresAt: 2e12 },
    ],
  ])("answers %j", async (given, expected) => {
    answer = given;
    expect(await source().identify(ANNA)).toMatchObject(expected);
  });

  test("may leave it to the next source", async () => {
    answer = [200, { result: "ignore" }];
    expect(await source().identify(ANNA)).toBeUndefined();
    expect(await source().identify({ ...ANNA, user: undefined })).toBeUndefined();
    expect(questions).toHaveLength(1);
  });

  test("and gives no answer in time, or is not there: nobody is let in", async () => {
    answer = undefined;
    expect(await source({ timeoutMs: 50 }).identify(ANNA)).toMatchObject({ reasonCode: 0x88 });
    expect(await source({ url: "http://127.0.0.1:9/" }).identify(ANNA)).toMatchObject({ reasonCode: 0x88 });
  });

  test("is asked once for the same credentials while an answer is remembered, and of few of them", async () => {
    const remembering = source({ cacheSeconds: 60, maxCachedAnswers: 2 });
    await remembering.identify(ANNA);
    expect(remembering.identify({ ...ANNA, address: "[2001:db8::1]:50001" })).toMatchObject({ user: "anna" });
    await remembering.identify({ ...ANNA, password: encodeUtf8("other") });
    await remembering.identify({ ...ANNA, password: encodeUtf8("third") });
    expect(questions).toHaveLength(3);
    await remembering.identify(ANNA);
    expect(questions).toHaveLength(4);
  });

  test("a failure is not remembered", async () => {
    const remembering = source({ cacheSeconds: 60 });
    answer = [500];
    await remembering.identify(ANNA);
    answer = [200];
    expect(await remembering.identify(ANNA)).toMatchObject({ user: "anna" });
  });

  test("is not asked too much at once", async () => {
    answer = undefined;
    const narrow = source({ maxConcurrentRequests: 1, maxWaitingRequests: 1, timeoutMs: 200 });
    const findings = [1, 2, 3].map((n) => narrow.identify({ ...ANNA, clientId: `${n}` }));
    expect(await findings[2]).toMatchObject({ reasonCode: 0x89 });
    for (const finding of findings) await finding;
  });

  test("has a URL that can be asked", () => {
    for (const wrong of ["nowhere", "ftp://a/", ""]) expect(() => source({ url: wrong })).toThrow(AccessError);
  });
});

test("a hub asks, and goes by the rules of the answer", async () => {
  const hub = await TcpHub.start({ access: { sources: [{ type: "http", url }] } });
  answer = [200, { result: "allow", acl: [{ action: "publish", topic: "users/${username}" }] }];
  const client = await hub.connect({ username: "anna", password: encodeUtf8("x") });
  expect([await client.publish("users/anna", "x", { qos: 1 }), await client.publish("a", "x", { qos: 1 })]).toEqual([
    0x10, 0x87,
  ]);
  await hub.close();
});
