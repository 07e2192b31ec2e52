import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));

/** What each package may import of ours. Nothing imports the hub but `isthmus`; protocols meet only in the hub. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  machine: [],
  mqtt: ["bytes", "machine"],
  coap: ["bytes", "machine"],
  smqtt: ["bytes", "machine"],
  lowpan: ["bytes", "machine"],
  exchange: ["bytes", "machine"],
  "store-lmdb": ["bytes", "machine", "exchange"],
  hub: ["bytes", "machine", "exchange", "mqtt", "coap", "smqtt", "lowpan", "store-lmdb", "dashboard"],
  dashboard: ["mqtt"],
  isthmus: ["bytes", "machine", "hub", "mqtt", "coap", "smqtt", "lowpan", "store-lmdb"],
  testing: ["bytes", "machine", "exchange", "mqtt", "coap", "smqtt", "lowpan"],
};

/** Packages whose code goes out in one bundle: who installs them needs none of what is in it. */
const BUNDLED: readonly string[] = ["dashboard"];

/** Packages that others find by their built files: no module of them is imported. */
const FILES_ONLY: readonly string[] = ["dashboard"];

/** Folders that also run in a browser: no `node:` module, no timer, no clock, no process. */
const CORES: Readonly<Record<string, readonly string[]>> = {
  bytes: ["."],
  machine: ["."],
  mqtt: ["codec", "topics", "session", "scram"],
  coap: ["codec", "endpoint"],
  smqtt: ["abe", "pairing", "envelope"],
  lowpan: ["wire", "stack", "medium"],
  exchange: ["."],
};

/** An import or export statement, or a call of `import`, with the module that it names. */
const IMPORT = /^(?:import|export)\s[^"=;()]*\bfrom\s+"([^"\s]+)";|\bimport\("([^"\s]+)"\)/gm;
const NOT_IN_A_CORE =
  /\b(?:setTimeout|setInterval|setImmediate|process\.|Buffer\.|Date\.now|performance\.now|Math\.random)/;

interface SourceFile {
  readonly file: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sources(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => {
      const text = readFileSync(path.join(folder, file), "utf8");
      return { file, text, imports: Array.from(text.matchAll(IMPORT), ([, named, called]) => named ?? called ?? "") };
    });
}

function ownPackage(name: string): string | undefined {
  return /^(?:@isthmus\/)?(isthmus|[a-z-]+)/.exec(name.startsWith("@isthmus/") || name === "isthmus" ? name : "")?.[1];
}

const names = readdirSync(PACKAGES).filter((name) => sources(path.join(PACKAGES, name, "src")).length > 0);

describe.each(names)("package %s", (name) => {
  const files = sources(path.join(PACKAGES, name, "src"));
  // The parsed file is our own; a missing field shows as undefined below.
  const manifest = JSON.parse(readFileSync(path.join(PACKAGES, name, "package.json"), "utf8")) as {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
  };
  const dependencies = Object.keys({
    ...manifest.dependencies,
    ...(BUNDLED.includes(name) && manifest.devDependencies),
  });

  test("depends only on the packages that its place in the house allows", () => {
    const ours = dependencies.map(ownPackage).filter((own) => own !== undefined);
    expect(ALLOWED[name]).toEqual(expect.arrayContaining(ours));
  });

  test("imports only what its package.json names", () => {
    const foreign = files.flatMap(({ file, imports }) =>
      imports
        .filter((each) => !/^(?:\.|#|node:)/.test(each))
        .map((each) =>
          each
            .split("/")
            .slice(0, each.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((each) => !dependencies.includes(each) && each !== `@isthmus/${name}`)
        .map((each) => `${file}: ${each}`),
    );
    expect(foreign.filter((each) => !isOptional(name, each))).toEqual([]);
  });

  test("imports nothing of a package that is files only", () => {
    const strays = files.filter(({ imports }) =>
      imports.some((each) => FILES_ONLY.some((own) => own !== name && ownPackage(each) === own)),
    );
    expect(strays.map(({ file }) => file)).toEqual([]);
  });

  test("keeps sockets, timers and clocks out of its cores", () => {
    const cores = CORES[name] ?? [];
    const strays = files
      .filter(({ file }) => cores.some((core) => core === "." || file.startsWith(`${core}${path.sep}`)))
      .filter(({ text, imports }) => imports.some((each) => each.startsWith("node:")) || NOT_IN_A_CORE.test(code(text)))
      .map(({ file }) => file);
    expect(strays).toEqual([]);
  });
});

/** What a package can use but does not need: an optional peer dependency. */
function isOptional(name: string, line: string): boolean {
  // As above.
  const manifest = JSON.parse(readFileSync(path.join(PACKAGES, name, "package.json"), "utf8")) as {
    readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  };
  return Object.entries(manifest.peerDependenciesMeta ?? {}).some(
    ([peer, { optional }]) => optional && line.endsWith(peer),
  );
}

/** The source without its comments. */
function code(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}
