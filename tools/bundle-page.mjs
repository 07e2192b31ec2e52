// Bundles the hub's web page: files whose names change with their content, each also compressed, so that the hub only
// hands them out (packages/dashboard).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "./workspace.mjs";

const packageDir = path.join(ROOT, "packages", "dashboard");
const pageDir = path.join(packageDir, "dist", "page");

const { metafile, outputFiles } = await build({
  entryPoints: { page: "src/main.tsx", style: "src/page.css", icon: "src/icon.svg" },
  absWorkingDir: packageDir,
  outdir: pageDir,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
  target: ["es2023", "chrome123", "firefox128", "safari17.5"],
  // Of ours it takes the sources: it needs no compiler before it.
  conditions: ["isthmus-source"],
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".svg": "copy" },
  write: false,
  metafile: true,
  logLevel: "warning",
});

rmSync(pageDir, { recursive: true, force: true });
mkdirSync(pageDir, { recursive: true });
for (const { path: file, contents } of outputFiles) write(path.basename(file), contents);
const html = readFileSync(path.join(packageDir, "src", "index.html"), "utf8")
  .replace("ICON", nameOf(".svg"))
  .replace("STYLE", nameOf(".css"))
  .replace("SCRIPT", nameOf(".js"));
write("index.html", Buffer.from(html));

function write(name, contents) {
  writeFileSync(path.join(pageDir, name), contents);
  writeFileSync(path.join(pageDir, `${name}.gz`), gzipSync(contents, { level: 9 }));
}

/** The address of the file that was made with this ending, as the page asks for it. */
function nameOf(extension) {
  const file = Object.keys(metafile.outputs).find((name) => name.endsWith(extension));
  return `page/${path.basename(file)}`;
}
