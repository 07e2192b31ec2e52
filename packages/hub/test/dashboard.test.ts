import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { Client } from "@isthmus/mqtt";
import { findProgram } from "@isthmus/testing/peers";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hashPassword } from "../src/access/passwords/password-secret.js";
import { createHub, type Hub, type HubOptions } from "../src/index.js";

// The page of a real hub in a real browser.

const executablePath = findProgram("chromium");
const mosquittoPub = findProgram("mosquitto_pub");

let browser: Browser;
let hub: Hub;
let client: Client;
let page: Page;
/** What the browser complained about: a script that was not let in, say. */
let complaints: string[];

beforeAll(async () => {
  if (executablePath === undefined) return;
  // Its sandbox wants rights that machines of tests do not have; the page is our own.
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
});

afterAll(() => browser?.close());

async function start(options: HubOptions = {}): Promise<void> {
  hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 }, sys: { intervalMs: 200 }, ...options });
}

async function openPage(options: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(hub.http?.url ?? "");
}

const connected = (): Promise<void> => page.getByText("connected", { exact: true }).waitFor();

/** The line of a topic's last level. */
function row(label: string): Locator {
  return page.getByRole("treeitem").filter({ has: page.locator(".label").getByText(label, { exact: true }) });
}

/** Waits until the line shows the value. */
async function expectValue(label: string, value: string): Promise<void> {
  await row(label).locator(".value").getByText(value, { exact: true }).waitFor();
}

describe.skipIf(executablePath === undefined)("the page", () => {
  beforeEach(async () => {
    await start();
    client = await hub.connect();
  });

  afterEach(async () => {
    await page.context().close();
    await hub.close();
    expect(complaints).toEqual([]);
  });

  test.skipIf(mosquittoPub === undefined)("shows what mosquitto_pub publishes, and it moves", async () => {
    await openPage();
    await page.getByText("Nothing was published yet").waitFor();
    await connected();
    const { port } = new URL(hub.mqtt?.url ?? "");
    for (const value of ["21.5", "22.75"]) {
      const args = ["-p", port, "-t", "house/kitchen/temperature", "-m", value];
      await promisify(execFile)(mosquittoPub ?? "", args);
      await expectValue("house/kitchen/temperature", value);
    }
  });

  test("shows what is retained, with payloads as JSON, in hexadecimal digits, and never as HTML", async () => {
    const html = "<img src=x onerror=alert(1)><b>bold</b>";
    await client.publish("a/json", '{"open":true,"level":3}', { qos: 1, retain: true });
    await client.publish("a/bytes", new Uint8Array([0, 1, 254, 255, 65]), { qos: 1, retain: true });
    await client.publish(`a/${html.replaceAll("/", "")}`, html, { qos: 1, retain: true });
    await openPage();
    const payload = page.getByLabel("Newest payload");
    await row("json").click();
    await expect.poll(() => payload.textContent()).toBe('{\n  "open": true,\n  "level": 3\n}');
    await row("bytes").click();
    await expect.poll(() => payload.textContent()).toMatch(/^0000 {2}00 01 fe ff 41 +\.\.\.\.A$/);
    await row(html.replaceAll("/", "")).click();
    await expect.poll(() => payload.textContent()).toBe(html);
    expect(await page.locator("img, b").count()).toBe(0);
  });

  test("draws the numbers of a topic", async () => {
    await openPage();
    await connected();
    await client.publish("t", '{"warm":1,"wet":40}', { qos: 1 });
    await row("t").click();
    for (const warm of [1.5, 2]) await client.publish("t", `{"warm":${warm},"wet":41}`, { qos: 1 });
    await page.getByRole("img", { name: "Chart of warm, 3 values, now 2, wet, 3 values, now 41" }).waitFor();
  });

  test("publishes, and clears a value", async () => {
    const received = await client.subscribe("lamp/#", { qos: 2, retainAsPublished: true });
    await openPage();
    await connected();
    const form = page.getByRole("form", { name: "Publish a message" });
    await form.getByLabel("Topic").fill("lamp/1");
    await form.getByLabel("Payload").fill("on");
    await form.getByLabel("QoS").selectOption("2");
    await form.getByLabel("Retain").check();
    await form.getByRole("button", { name: "Publish" }).click();
    const { value } = await received.next();
    expect([value?.topic, value?.text(), value?.qos, value?.retain]).toEqual(["lamp/1", "on", 2, true]);
    await page.getByText("Published to lamp/1").waitFor();
    await row("lamp/1").click();
    await page.getByRole("button", { name: "Clear value" }).click();
    const cleared = await received.next();
    expect([cleared.value?.payload.length, cleared.value?.retain]).toEqual([0, true]);
    await row("lamp/1").waitFor({ state: "detached" });
  });

  test("says why a message was not published", async () => {
    await openPage();
    await connected();
    const form = page.getByRole("form", { name: "Publish a message" });
    await form.getByLabel("Topic").fill("lamp/+");
    await form.getByRole("button", { name: "Publish" }).click();
    await form.getByRole("status").getByText("lamp/+").waitFor();
  });

  test("finds topics by a part of their names, and by a topic filter", async () => {
    for (const topic of ["house/kitchen/temperature", "house/door", "garden/temperature"]) {
      await client.publish(topic, "1", { qos: 1, retain: true });
    }
    await openPage();
    await page.getByText("3 topics").waitFor();
    const search = page.getByRole("searchbox", { name: "Find topics" });
    await search.fill("KITCHEN");
    await row("house").waitFor({ state: "detached" });
    await row("house/kitchen/temperature").waitFor();
    await search.fill("+/temperature");
    await row("garden/temperature").waitFor();
    expect(await page.getByRole("treeitem").count()).toBe(1);
  });

  test("can be about the topics of one filter alone", async () => {
    for (const topic of ["house/door", "garden/bed"]) await client.publish(topic, "x", { qos: 1, retain: true });
    await openPage();
    await row("house/door").waitFor();
    await page.getByLabel("Subscribed to").fill("garden/#");
    await page.getByLabel("Subscribed to").press("Enter");
    await row("house/door").waitFor({ state: "detached" });
    await row("garden/bed").waitFor();
    await client.publish("garden/bed", "y", { qos: 1 });
    await expectValue("garden/bed", "y");
    await page.getByText("1 topic", { exact: true }).waitFor();
  });

  test("can be used with the keyboard alone", async () => {
    for (const topic of ["a/1", "a/2", "b"]) await client.publish(topic, "x", { qos: 1, retain: true });
    await openPage();
    await row("b").waitFor();
    const selected = (): Promise<string | null> => page.locator('[aria-selected="true"] .label').textContent();
    await page.getByRole("tree").focus();
    await page.keyboard.press("ArrowDown");
    expect(await selected()).toBe("a");
    await page.keyboard.press("ArrowRight");
    expect(await selected()).toBe("1");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await row("1").waitFor({ state: "detached" });
    await page.keyboard.press("End");
    await expect.poll(selected).toBe("b");
    expect(await page.getByRole("tree").getAttribute("aria-activedescendant")).toBe("row-1");
    await page.getByRole("heading", { name: "b", exact: true }).waitFor();
  });

  test("shows devices and the hub's own state", async () => {
    await client.publish("devices/nest_bedroom/$online", "true", { qos: 1, retain: true });
    await client.publish("devices/nest_bedroom/temp", "21.4", { qos: 1, retain: true });
    await openPage();
    await page.getByRole("button", { name: "Devices" }).click();
    await page.getByText("1 of 1 online").waitFor();
    await page.getByRole("button", { name: "temp" }).click();
    await page.getByRole("heading", { name: "devices/nest_bedroom/temp" }).waitFor();
    await page.getByRole("button", { name: "Hub" }).click();
    const clients = page.locator("dl > div").filter({ hasText: "Clients" }).getByRole("definition");
    // This one and ours.
    await expect.poll(() => clients.textContent(), { timeout: 30_000 }).toBe("2");
  });

  test("keeps its bounds in a flood, and draws what is in sight alone", async () => {
    await openPage();
    await connected();
    for (let at = 0; at < 6000; at++) await client.publish(`flood/${at}`, String(at));
    for (let at = 0; at < 5000; at++) await client.publish("flood/5999", String(at));
    await client.publish("flood/5999", "last", { qos: 1 });
    await page.getByRole("searchbox").fill("5999");
    await expectValue("flood/5999", "last");
    await page.getByRole("searchbox").fill("");
    await page.getByText("5.0k topics").waitFor();
    expect(await page.getByRole("treeitem").count()).toBeLessThan(100);
  });

  test("has a name for everything that can be used, in every view", async () => {
    await client.publish("a", "1", { qos: 1, retain: true });
    await openPage();
    await row("a").click();
    for (const view of ["Devices", "Hub", "Sign in", "Topics"]) {
      const nameless = await page.locator("button, input, select, textarea, [tabindex]").evaluateAll((elements) =>
        elements
          .filter((each) => {
            const labels = "labels" in each && each.labels instanceof NodeList ? Array.from(each.labels) : [];
            const named = [each, ...labels].map((one) => one.textContent?.trim() ?? "").join("");
            return each.getAttribute("aria-label") === null && named === "";
          })
          .map((each) => each.outerHTML),
      );
      expect(nameless).toEqual([]);
      await page.getByRole("button", { name: view }).click();
    }
  });

  test("fits a phone: the list, or the selected topic", async () => {
    await client.publish(`house/${"long-name-".repeat(12)}`, "x".repeat(500), { qos: 1, retain: true });
    await openPage({ viewport: { width: 360, height: 640 }, hasTouch: true, colorScheme: "dark" });
    const overflow = (): Promise<number> =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await page.getByRole("treeitem").first().tap();
    const back = page.getByRole("button", { name: "Topics" }).last();
    expect(await overflow()).toBe(0);
    expect(await page.getByRole("tree").isVisible()).toBe(false);
    await back.tap();
    await page.getByRole("tree").waitFor();
    expect(await overflow()).toBe(0);
  });
});

describe.skipIf(executablePath === undefined)("the page's connection", () => {
  afterEach(async () => {
    await page.context().close();
    await hub.close();
  });

  test("comes back by itself, and shows what is retained now", async () => {
    await start();
    await (await hub.connect()).publish("state", "old", { qos: 1, retain: true });
    await openPage();
    await expectValue("state", "old");
    const port = Number(new URL(hub.http?.url ?? "").port);
    await hub.close();
    await page.getByText("connection lost").waitFor();
    await start({ http: { port } });
    await (await hub.connect()).publish("state", "new", { qos: 1, retain: true });
    await expectValue("state", "new");
    await connected();
  });

  test("asks who it is where the hub wants to know, and keeps it in memory alone", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "isthmus-page-"));
    const file = path.join(folder, "users");
    await writeFile(file, `anna:${await hashPassword("rose", 10)}\n`);
    await start({
      access: { allowAnonymous: false, clientIds: "own", sources: [{ type: "passwords", file }] },
    });
    await openPage();
    await page.getByLabel("User").fill("anna");
    await page.getByLabel("Password").fill("tulip");
    await page.locator("form").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Password").fill("rose");
    await page.locator("form").getByRole("button", { name: "Sign in" }).click();
    await connected();
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length].join());
    expect(kept).toBe(",0,0");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to this hub" }).waitFor();
    await rm(folder, { recursive: true });
  });

  test("of a user who may read some topics shows those", async () => {
    await start({ access: { allowAnonymous: true, rules: [{ allow: "readwrite", topics: ["garden/#"] }] } });
    await openPage();
    await connected();
    await (await hub.connect()).publish("garden/bed", "dry", { qos: 1, retain: true });
    await expectValue("garden/bed", "dry");
  });

  test("of a user who may read nothing says so", async () => {
    await start({ access: { allowAnonymous: true, rules: [{ allow: "write", topics: ["#"] }] } });
    await openPage();
    await page.getByRole("alert").getByText("not authorized", { exact: false }).waitFor();
    await page.getByRole("button", { name: "Hub" }).click();
    await page.getByText("tells nothing of itself").waitFor();
  });
});
