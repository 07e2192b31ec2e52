import { homedir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { defaultDataDirectory } from "../src/store/index.js";

test.runIf(process.platform !== "win32")("data is kept where the XDG Base Directory Specification says", () => {
  expect(defaultDataDirectory({ XDG_STATE_HOME: "/var/state" })).toBe("/var/state/isthmus");
  const fallback = path.join(homedir(), ".local/state/isthmus");
  expect(defaultDataDirectory({})).toBe(fallback);
  expect(defaultDataDirectory({ XDG_STATE_HOME: "" })).toBe(fallback);
  expect(defaultDataDirectory({ XDG_STATE_HOME: "relative" })).toBe(fallback);
});
