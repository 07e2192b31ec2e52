// Bundles the command line, each command a chunk of its own: one file in the place of seventy takes ten megabytes less
// memory and half the time to start (docs/decisions/bundled-command-line.md).
import { readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { ROOT } from "./workspace.mjs";

const packageDir = path.join(ROOT, "packages", "isthmus");
const outdir = path.join(packageDir, "dist", "bundle");
/** A hub that runs from this folder loads chunks of its own build when it first needs them: they stay for a day. */
const KEPT_MS = 24 * 3_600_000;

const { metafile } = await build({
  entryPoints: {
    cli: path.join(packageDir, "dist", "cli.js"),
    // A program of its own, which the store starts and looks for beside itself.
    "tables-process": path.join(ROOT, "packages", "store-lmdb", "dist", "tables-process.js"),
    // A thread's own file, likewise.
    "suite-worker": path.join(ROOT, "packages", "smqtt", "dist", "node", "suite-worker.js"),
  },
  outdir,
  absWorkingDir: ROOT,
  metafile: true,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22",
  // Ours goes in, what others wrote stays outside.
  plugins: [
    {
      name: "ours-only",
      setup: (plugin) => {
        plugin.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
          kind === "entry-point" || name.startsWith("@isthmus/") || name.startsWith("#")
            ? undefined
            : { external: true },
        );
      },
    },
  ],
  sourcemap: true,
  logLevel: "warning",
});

const written = new Set(Object.keys(metafile.outputs).map((file) => path.basename(file)));
for (const file of readdirSync(outdir)) {
  const { mtimeMs } = statSync(path.join(outdir, file));
  if (!written.has(file) && Date.now() - mtimeMs > KEPT_MS) rmSync(path.join(outdir, file));
}
