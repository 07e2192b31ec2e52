import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { Code, codeName } from "../../src/codec/index.js";
import { DeduplicationTable, UNKNOWN_ENTRY } from "../../src/endpoint/deduplication.js";

import { answering, Lockstep } from "./lockstep.js";
import { body } from "./notation.js";

const small = { maxEntries: 256, maxReplyBytes: 256 };

function reply(table: DeduplicationTable, id: number): string | undefined {
  const bytes = table.reply(id);
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : bytes;
}

describe("what came before is remembered", () => {
  test("by peer and message id, until its lifetime is over", () => {
    const table = new DeduplicationTable(small);
    const id = table.add(0, 1, 7, 1_000);
    expect(table.find(999, 1, 7)).toBe(id);
    expect(table.find(999, 1, 8)).toBe(UNKNOWN_ENTRY);
    expect(table.find(999, 2, 7)).toBe(UNKNOWN_ENTRY);
    expect(table.find(1_000, 1, 7)).toBe(UNKNOWN_ENTRY);
  });

  test("with the last of its replies", () => {
    const table = new DeduplicationTable(small);
    const id = table.add(0, 1, 7, 1_000);
    expect(table.reply(id)).toBeUndefined();
    table.setReply(id, new TextEncoder().encode("first"));
    table.setReply(id, new TextEncoder().encode("second"));
    expect(reply(table, id)).toBe("second");
  });

  test("and the same id after the lifetime is another message", () => {
    const table = new DeduplicationTable(small);
    const before = table.add(0, 1, 7, 1_000);
    const after = table.add(2_000, 1, 7, 3_000);
    expect(after).not.toBe(before);
    expect(table.find(2_500, 1, 7)).toBe(after);
  });

  test("unless it was forgotten", () => {
    const table = new DeduplicationTable(small);
    table.forget(table.add(0, 1, 7, 1_000));
    expect(table.find(0, 1, 7)).toBe(UNKNOWN_ENTRY);
  });
});

describe("memory is bounded", () => {
  test("beyond the limit of entries the oldest go, and are counted", () => {
    const table = new DeduplicationTable(small);
    for (let id = 0; id < 300; id++) table.add(0, 1, id, 1_000);
    expect(table.size).toBe(256);
    expect(table.evictions).toBe(44);
    expect(table.find(0, 1, 43)).toBe(UNKNOWN_ENTRY);
    expect(table.find(0, 1, 44)).not.toBe(UNKNOWN_ENTRY);
    expect(table.find(0, 1, 299)).not.toBe(UNKNOWN_ENTRY);
  });

  test("a million messages take no more than a thousand", () => {
    const table = new DeduplicationTable({ maxEntries: 1_024, maxReplyBytes: 16_384 });
    const bytes = new Uint8Array(20);
    for (let i = 0; i < 1_024; i++) table.setReply(table.add(i, i % 7, i & 0xffff, i + 1e9), bytes);
    const before = table.sizeBytes;
    for (let i = 0; i < 1_000_000; i++) table.setReply(table.add(i, i % 7, i & 0xffff, i + 1e9), bytes);
    expect(table.sizeBytes).toBe(before);
  });

  test("messages that expire make room: a slow stream never grows the table", () => {
    const table = new DeduplicationTable({ maxEntries: 65_536, maxReplyBytes: 1 << 20 });
    const addOne = (i: number): void => {
      table.setReply(table.add(i * 1_000, 1, i & 0xffff, i * 1_000 + 100_000), new Uint8Array(20));
    };
    for (let i = 0; i < 200; i++) addOne(i);
    const before = table.sizeBytes;
    for (let i = 200; i < 100_000; i++) addOne(i);
    expect(table.sizeBytes).toBe(before);
    expect(table.evictions).toBe(0);
  });

  test("replies that do not fit any more are told as overwritten, never as another's", () => {
    const table = new DeduplicationTable({ maxEntries: 256, maxReplyBytes: 256 });
    const ids = Array.from({ length: 20 }, (_, i) => {
      const id = table.add(0, 1, i, 1_000);
      table.setReply(id, new TextEncoder().encode(`${i}`.padStart(30, ".")));
      return id;
    });
    const kept = ids.map((id) => reply(table, id));
    expect(kept.slice(0, 12)).toEqual(Array.from({ length: 12 }, () => "overwritten"));
    expect(kept.at(-1)).toBe("19".padStart(30, "."));
  });

  test("limits that are no powers of two are refused, each by its name", () => {
    expect(() => new DeduplicationTable({ maxEntries: 1_000, maxReplyBytes: 256 })).toThrow("maxEntries is 1000");
    expect(() => new DeduplicationTable({ maxEntries: 256, maxReplyBytes: 0 })).toThrow("maxReplyBytes is 0");
  });
});

describe("when replies were overwritten", () => {
  test("what may be done twice is done again, and what may not is met with silence", () => {
    const seen: string[] = [];
    const ladder = new Lockstep({
      handler: answering(({ code, token }) => {
        seen.push(`${codeName(code)} ${token[0]}`);
        return { code: Code.CHANGED, payload: body(40) };
      }),
      limits: { maxDeduplicationBytes: 256 },
    });
    ladder.receive("CON 0001 POST #01 /a");
    ladder.receive("CON 0002 PUT #02 /a");
    for (let id = 16; id < 32; id++) ladder.receive(`CON 00${id.toString(16)} GET #03 /a`);
    ladder.sent.length = 0;
    seen.length = 0;
    ladder.receive("CON 0001 POST #01 /a");
    ladder.expectSilence();
    ladder.receive("CON 0002 PUT #02 /a");
    ladder.expectSent("ACK 0002 2.04 #02 *");
    expect(seen).toEqual(["PUT 2"]);
  });
});

describe("against a plain map", () => {
  test.each([1, 2, 3, 4, 5])("random messages, duplicates and replies behave the same (seed %i)", (seed) => {
    const random = new SeededRandom(seed);
    const table = new DeduplicationTable({ maxEntries: 4_096, maxReplyBytes: 1 << 17 });
    const model = new Map<string, { id: number; expiresAt: number; reply: string | undefined }>();
    let now = 0;
    for (let step = 0; step < 20_000; step++) {
      now += random.nextInteger(0, 20);
      const peer = random.nextInteger(1, 5);
      const messageId = random.nextInteger(0, 400);
      const known = model.get(`${peer} ${messageId}`);
      const found = table.find(now, peer, messageId);
      if (known === undefined || known.expiresAt <= now) {
        expect(found).toBe(UNKNOWN_ENTRY);
        const expiresAt = now + random.pick([5_000, 10_000]);
        const id = table.add(now, peer, messageId, expiresAt);
        model.set(`${peer} ${messageId}`, { id, expiresAt, reply: undefined });
      } else {
        expect(found).toBe(known.id);
        expect(reply(table, found)).toBe(known.reply);
        if (random.chance(0.5)) {
          known.reply = "r".repeat(random.nextInteger(0, 60)) + step;
          table.setReply(found, new TextEncoder().encode(known.reply));
        }
      }
    }
    expect(table.evictions).toBe(0);
  });
});
