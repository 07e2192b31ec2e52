import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "@isthmus/hub/config";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const at = (name: string): string => path.join(ROOT, name);
const read = (name: string): string => readFileSync(at(name), "utf8");

describe("the unit of systemd", () => {
  const unit = read("packaging/systemd/isthmus.service");

  test("is accepted by systemd", () => {
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", at("packaging/systemd/isthmus.service")]);
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
  });

  test("leaves little to an intruder", () => {
    const verdict = execFileSync("systemd-analyze", [
      "security",
      "--offline=true",
      at("packaging/systemd/isthmus.service"),
    ]).toString();
    const [, exposure] = /exposure level for \S+: ([\d.]+)/.exec(verdict) ?? [];
    expect(Number(exposure)).toBeLessThan(3);
  });

  test("runs as the user that sysusers makes, and writes where the unit lets it", () => {
    const [, user] = /^User=(\w+)$/m.exec(unit) ?? [];
    expect(read("packaging/systemd/isthmus.sysusers")).toMatch(new RegExp(`^u ${user} `, "m"));
    expect(unit).toContain("StateDirectory=isthmus");
    expect(unit).toContain("ISTHMUS_DATA=/var/lib/isthmus");
  });
});

describe("the image", () => {
  const dockerfile = read("packaging/docker/Dockerfile");

  test("copies files that there are", () => {
    const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = ""]) =>
      sources.split(" "),
    );
    expect(copies.length).toBeGreaterThan(2);
    for (const source of copies) expect(existsSync(at(source)), source).toBe(true);
  });

  test("does not run as root, tells its health, and keeps data in a volume", () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^HEALTHCHECK .*healthcheck\.mjs/m);
    expect(last).toContain("VOLUME /var/lib/isthmus");
  });

  test.each(["packaging/docker/isthmus.yaml", "packaging/docker/config/isthmus.yaml"])(
    "%s is a configuration that lets nobody in unasked",
    (file) => {
      const { config } = loadConfig({ file: at(file) });
      expect(config.data).toBe("/var/lib/isthmus");
      expect(config.listeners.map(({ type, host }) => [type, host])).toEqual([
        ["mqtt", "0.0.0.0"],
        ["http", "0.0.0.0"],
        ["coap", "0.0.0.0"],
      ]);
      expect(config.access.allow_anonymous === false || config.access.sources !== undefined).toBe(true);
    },
  );

  test("is what the compose file builds and feeds, with ports that it exposes and on this machine alone", () => {
    const { services } = parse(read("packaging/docker/compose.yaml"));
    const { build, ports, volumes } = services.isthmus;
    const folder = at("packaging/docker");
    expect(existsSync(path.resolve(folder, build.context, build.dockerfile))).toBe(true);
    expect(existsSync(path.resolve(folder, volumes[1].split(":")[0], "isthmus.yaml"))).toBe(true);
    const exposed = dockerfile.match(/^EXPOSE (.+)$/m)?.[1]?.split(" ") ?? [];
    for (const published of ports) {
      const [address, , inner] = published.split(":");
      expect(address).toBe("127.0.0.1");
      expect(exposed).toContain(inner);
    }
  });
});

describe("pages that show a configuration", () => {
  test.each(["docs/configuration.md", "docs/getting-started.md"])("%s shows one that is accepted", (page) => {
    const blocks = [...read(page).matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text);
    expect(blocks.length).toBeGreaterThan(0);
    for (const text of blocks) {
      const environment = Object.fromEntries(Object.entries(parse(text)).map(([key, value]) => [`ISTHMUS_${key.toUpperCase()}`, JSON.stringify(value)])); // prettier-ignore
      expect(loadConfig({ environment }).ignored).toEqual([]);
    }
  });
});
