import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, type BuildResult } from "esbuild";
import { findProgram, launchMosquitto } from "@isthmus/testing/peers";
import { describe, expect, it } from "vitest";
import type { connect } from "../src/browser.js";

/** Bytes of the client, minified and compressed with gzip, that it may not grow beyond. */
const LIMIT_BYTES = 21_000;

const OURS = new URL("./bundles/isthmus.ts", import.meta.url);
const THEIRS = new URL("./bundles/mqtt-js.ts", import.meta.url);

/** Bundles a file for a browser. */
function bundle(file: URL): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    entryPoints: [fileURLToPath(file)],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    conditions: ["isthmus-source"],
    write: false,
    metafile: true,
  });
}

function outputOf(result: BuildResult<{ write: false }>): Uint8Array {
  const [file] = result.outputFiles;
  if (!file) throw new Error("nothing was built");
  return file.contents;
}

describe("the client in a browser", () => {
  it("is small, and holds no module of Node", async () => {
    const result = await bundle(OURS);
    const ours = outputOf(result);
    const theirs = outputOf(await bundle(THEIRS));
    const row = (name: string, bytes: Uint8Array): string =>
      [name.padEnd(16), bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length].join(
        "\t",
      );
    console.log(
      ["bytes           \tminified\tgzip\tbrotli", row("@isthmus/mqtt", ours), row("mqtt (MQTT.js)", theirs)].join(
        "\n",
      ),
    );
    expect(gzipSync(ours, { level: 9 }).length).toBeLessThan(LIMIT_BYTES);
    for (const input of Object.keys(result.metafile.inputs)) {
      expect(input).not.toMatch(/node_modules|transport-node|node-stream|\/ws\/|open-transport-node/);
    }
  });

  const path = findProgram("mosquitto");

  it.skipIf(path === undefined)("connects over the platform's WebSocket", async () => {
    await using broker = await launchMosquitto(path ?? "", { hasWebSockets: true });
    const code = Buffer.from(outputOf(await bundle(OURS))).toString("base64");
    // The bundle exports what was asked of it.
    const browser = (await import(`data:text/javascript;base64,${code}`)) as { connect: typeof connect };
    await using client = await browser.connect(broker.webSocketUrl);
    const subscription = await client.subscribe("house/#", { qos: 2 });
    for (const qos of [0, 1, 2] as const) await client.publish("house/door", `q${qos}`, { qos });
    const texts = new Set<string | undefined>();
    for (let i = 0; i < 3; i++) texts.add((await subscription.next()).value?.text());
    expect(texts).toEqual(new Set(["q0", "q1", "q2"]));
    await expect(browser.connect("mqtt://127.0.0.1")).rejects.toThrow("use ws:// or wss://");
  });
});
