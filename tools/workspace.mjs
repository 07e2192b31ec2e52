// What the project's own commands share. Plain JavaScript: it runs before anything is installed, on Node 20 as well.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** A program of the workspace's own: Node 24, tsc, vitest. */
export function bin(name) {
  return path.join(ROOT, "node_modules", ".bin", name);
}

/** The environment in which the workspace's Node comes first, whatever Node started this. */
export function environment() {
  return { ...process.env, PATH: `${path.join(ROOT, "node_modules", ".bin")}${path.delimiter}${process.env.PATH}` };
}

/** Installs the dependencies unless those of the lock file are there. */
export function ensureInstalled() {
  const installed = path.join(ROOT, "node_modules", ".package-lock.json");
  const isCurrent =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(path.join(ROOT, "package-lock.json")).mtimeMs;
  if (isCurrent && existsSync(bin("node"))) return;
  say("installing dependencies (once)");
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Compiles what has changed since the last build. */
export function ensureBuilt() {
  run(bin("tsc"), ["-b"]);
  for (const name of ["bundle.mjs", "bundle-page.mjs"]) run(bin("node"), [path.join(ROOT, "tools", name)]);
}

/** Runs a program to its end; a failure ends this process with the program's exit code. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", env: environment(), ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

export function say(text) {
  process.stderr.write(`isthmus: ${text}\n`);
}
