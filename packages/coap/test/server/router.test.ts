import { describe, expect, it } from "vitest";
import { Router } from "../../src/server/router.js";

describe("a router", () => {
  const router = new Router<string>();
  router.add("/a/:name", "target");
  const match = (name: string) => router.match({ segments: ["a", name], text: `/a/${name}` });

  it("remembers where a path leads", () => {
    expect(match("b")).toEqual({ target: "target", parameters: { name: "b" } });
    expect(match("b")).toBe(match("b"));
  });

  it("does not keep long paths, of which there may be many", () => {
    const longest = "x".repeat(253);
    expect(match(longest)).toBe(match(longest));
    expect(match(`${longest}x`)).toEqual({ target: "target", parameters: { name: `${longest}x` } });
    expect(match(`${longest}x`)).not.toBe(match(`${longest}x`));
  });
});
