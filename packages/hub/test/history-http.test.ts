import { afterEach, describe, expect, test } from "vitest";
import { TcpHub } from "./test-hub.js";

let hub: TcpHub | undefined;
afterEach(() => hub?.close());

async function start(): Promise<TcpHub> {
  hub = await TcpHub.start({ http: { port: 0 }, history: { rules: [{ filter: "house/#", maxMessages: 4 }] } });
  const publisher = await hub.connect();
  for (let i = 1; i <= 6; i++) await publisher.publish("house/a", `a${i}`, { qos: 1 });
  await publisher.publish("house/b", 'with "quotes", and\na line', {
    qos: 1,
    properties: { contentType: "text/plain" },
  });
  return hub;
}

const get = (started: TcpHub, path: string, headers: Record<string, string> = {}) =>
  fetch(`${started.hub.http?.url}${path}`, { headers });

interface Page {
  readonly isTruncated: boolean;
  readonly next?: number;
  readonly incomplete?: unknown;
  readonly messages: readonly { readonly number: number; readonly topic: string; readonly payload: string }[];
}

async function page(started: TcpHub, path: string): Promise<Page> {
  // The test says what it expects of it.
  return (await (await get(started, path)).json()) as Page;
}

describe("GET /history/", () => {
  test("tells in JSON what is kept of a topic, and how much is not", async () => {
    const read = await page(await start(), "/history/house/a");
    expect(read.messages.map(({ payload }) => payload)).toEqual(["a3", "a4", "a5", "a6"]);
    expect(read.incomplete).toEqual([{ topic: "house/a", dropped: 2 }]);
    expect(read.isTruncated).toBe(false);
  });

  test("goes through a filter in pages", async () => {
    const started = await start();
    const first = await get(started, "/history/house/%23?limit=3");
    expect(first.headers.get("history-dropped")).toBe("2");
    const link = /^<(.*)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const rest = await page(started, link);
    expect(rest.messages.map(({ topic }) => topic)).toEqual(["house/a", "house/b"]);
    expect(rest.isTruncated).toBe(false);
  });

  test("takes the newest, and a span of time", async () => {
    const started = await start();
    const newest = await page(started, "/history/house/a?last=2");
    expect(newest.messages.map(({ payload }) => payload)).toEqual(["a5", "a6"]);
    expect((await page(started, "/history/house/a?to=2020-01-01T00:00:00Z")).messages).toEqual([]);
    expect((await page(started, `/history/house/a?from=${Date.now() - 60_000}`)).messages).toHaveLength(4);
  });

  test("speaks NDJSON, whose last line tells of the page", async () => {
    const response = await get(await start(), "/history/house/a?limit=1", { accept: "application/x-ndjson" });
    const lines = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ topic: "house/a", payload: "a3", qos: 1, door: "mqtt" });
    expect(lines[1]).toMatchObject({ isTruncated: true, next: lines[0]?.["number"] });
  });

  test("speaks CSV", async () => {
    const response = await get(await start(), "/history/house/b?format=csv");
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    const [header, row] = (await response.text()).split("\r\n");
    expect(header).toBe("number,topic,publishedAt,door,contentType,payload,payloadBase64");
    expect(row).toMatch(/^7,house\/b,[^,]+Z,mqtt,text\/plain,"with ""quotes"", and\na line",$/);
  });

  test.each([
    ["/history", 400, "which topic?"],
    ["/history/house/a?lst=2", 400, 'there is no argument "lst"'],
    ["/history/house/a?last=0", 400, "last is a number from 1 to 10000"],
    ["/history/house/a?from=yesterday", 400, "from is a time"],
    ["/history/house/a?format=xml", 400, "format is json, ndjson, csv"],
    ["/history/%23/a", 400, "is not alone in the last level"],
  ])("%s is refused: %i %s", async (path, status, detail) => {
    const response = await get(await start(), path);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { detail: string }).detail).toContain(detail);
  });

  test("says what it cannot do", async () => {
    const started = await start();
    expect((await get(started, "/history/house/a", { accept: "image/png" })).status).toBe(406);
    expect((await fetch(`${started.hub.http?.url}/history/house/a`, { method: "PUT", body: "" })).status).toBe(405);
  });
});
