import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { createServer } from "../../src/server/index.js";
import { listenWebSocket } from "../../src/transport-node.js";

interface BrowserBuild {
  request(uri: string): Promise<{ text(): string }>;
}

it("bundles for a web page without a module of Node, and asks over the page's WebSocket", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("../../src/index.ts", import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    conditions: ["isthmus-source", "browser"],
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  expect(imports.filter((path) => path.startsWith("node:") || path === "ws")).toEqual([]);

  const server = createServer();
  server.get("/hello", () => "world");
  const listener = await listenWebSocket({ handler: server });
  const bundle = outputFiles[0]?.text ?? "";
  // The bundle exports what the package does.
  const page = (await import(`data:text/javascript,${encodeURIComponent(bundle)}`)) as BrowserBuild;
  const port = listener.address.port;
  expect((await page.request(`coap+ws://127.0.0.1:${port}/hello`)).text()).toBe("world");
  await expect(page.request(`coap://127.0.0.1:${port}/hello`)).rejects.toThrow("there is no transport for coap here");
  await listener.close();
});
