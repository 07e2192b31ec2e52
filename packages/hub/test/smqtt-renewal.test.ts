import { mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { MembershipKeeper } from "../src/smqtt/membership-keeper.js";
import { House, workers } from "./smqtt-house.js";

const DAY = 86_400;

let house: House;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  house = await House.build(["kp-abe"]);
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
afterAll(() => house[Symbol.asyncDispose]());

/** A keeper of the hub's own membership, what is in its file, and what it logs. */
async function keep(hub: Hub, name: string) {
  const keys = await house.store(await house.device(name, { publish: ["house/#"] }), `${name}.smqtt`);
  const lines: string[] = [];
  const log = pino(
    { level: "info" },
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const keeper = await MembershipKeeper.open(keys, await hub.connect(), log);
  closers.push(() => keeper.close());
  return { keeper, lines, file: keys.file, stored: () => readFile(keys.file) };
}

test("keys are renewed when a third of their time is left, not before, and the file has them", async () => {
  const hub = await createHub({ mqtt: { port: 0 }, smqtt: { authority: house.authorityKeys, workers } });
  closers.push(() => hub.close());
  const { keeper, lines, stored } = await keep(hub, "gateway");
  const before = await stored();
  const { from, until } = keeper.membership.certificate.validity;
  await keeper.renewIfDue(until - (until - from) / 2);
  expect([lines, before.equals(await stored())]).toEqual([[], true]);
  await keeper.renewIfDue(until - DAY);
  expect(lines).toEqual(["hub's keys renewed"]);
  expect(before.equals(await stored())).toBe(false);
  expect(keeper.membership.certificate.validity.until).toBeGreaterThanOrEqual(until);
});

test("a renewal and news of the authority at the same time are both written", async () => {
  const hub = await createHub({ mqtt: { port: 0 }, smqtt: { authority: house.authorityKeys, workers } });
  closers.push(() => hub.close());
  const { keeper, lines } = await keep(hub, "busy");
  const due = keeper.membership.certificate.validity.until - DAY;
  // Each saves; the authority's answers come a second time as what it keeps for the device.
  await Promise.all(Array.from({ length: 24 }, () => keeper.renewIfDue(due)));
  expect(lines).toEqual(Array(24).fill("hub's keys renewed"));
});

test("a file that cannot be written costs nothing but a line in the log", async () => {
  const hub = await createHub({ mqtt: { port: 0 }, smqtt: { authority: house.authorityKeys, workers } });
  closers.push(() => hub.close());
  const { keeper, lines, file } = await keep(hub, "full");
  await rm(file);
  // Where the file was there is a folder: it cannot be replaced.
  await mkdir(path.join(file, "in-the-way"), { recursive: true });
  await keeper.renewIfDue(keeper.membership.certificate.validity.until - DAY);
  expect(lines).toContain("hub's keys not renewed");
});

test("an authority that is not there costs nothing but a line in the log", async () => {
  const hub = await createHub({ mqtt: { port: 0 } });
  closers.push(() => hub.close());
  const { keeper, lines, stored } = await keep(hub, "lonely");
  const before = await stored();
  await keeper.renewIfDue(keeper.membership.certificate.validity.until - DAY, { timeoutMs: 100 });
  expect(lines).toEqual(["hub's keys not renewed"]);
  expect(before.equals(await stored())).toBe(true);
});
