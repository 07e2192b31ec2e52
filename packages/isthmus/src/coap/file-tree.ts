import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rename, rm, stat, unlink, watch, writeFile } from "node:fs/promises";
import { dirname, extname, join, relative, sep } from "node:path";
import {
  Code,
  CoapError,
  changed,
  type CoapServer,
  created,
  Format,
  formatUriPath,
  type Link,
  link,
  links,
  type Representation,
  representation,
} from "@isthmus/coap";

/** How a directory is served. */
export interface FileTreeOptions {
  /** Whether PUT and DELETE change it. */
  readonly isWritable: boolean;
  /** Ends the watch for changes. */
  readonly signal: AbortSignal;
}

/** The largest file that is served: what an endpoint sends as one body. */
const MAX_FILE_BYTES = 8 * 2 ** 20;

/** Content-Formats by the ending of a file's name; anything else is bytes. */
const formatByEnding: Readonly<Record<string, number>> = {
  ".txt": Format.TEXT,
  ".md": Format.TEXT,
  ".csv": Format.TEXT,
  ".gif": 21,
  ".jpg": 22,
  ".jpeg": 22,
  ".png": 23,
  ".wlnk": Format.LINKS,
  ".xml": Format.XML,
  ".exi": 47,
  ".json": Format.JSON,
  ".cbor": Format.CBOR,
  ".senml": Format.SENML_JSON,
  ".senmlc": Format.SENML_CBOR,
  ".senmlx": Format.SENML_XML,
  ".css": 20_000,
  ".svg": 30_000,
};

/** Serves the files below `root`: directories as links, changes to observers. @throws the system's error without one. */
export async function serveFileTree(server: CoapServer, root: string, options: FileTreeOptions): Promise<void> {
  const tree = new FileTree(await realpath(root));
  const files = server.resource("/*path", {
    get: ({ params }) => tree.read(params.path),
    ...(options.isWritable && {
      put: ({ params, payload }) => tree.write(params.path, payload),
      delete: ({ params }) => tree.remove(params.path),
    }),
    isObservable: true,
    hasContentEtag: true,
  });
  server.get("/", () => tree.read([]), { isObservable: true, attributes: { ct: Format.LINKS } });
  server.additionalLinks = await tree.list([]);
  void watchTree(tree, options.signal, async (path) => {
    files.notify(undefined, { path });
    server.additionalLinks = await tree.list([]);
  });
}

class FileTree {
  readonly root: string;

  /** @param root without symbolic links on the way. */
  constructor(root: string) {
    this.root = root;
  }

  /** The file, or the links of the directory, at `segments`. */
  async read(segments: readonly string[]): Promise<Representation> {
    const path = await this.#locate(segments);
    const found = await stat(path);
    if (found.isDirectory()) return links(await this.list(segments));
    if (!found.isFile()) throw new CoapError(Code.NOT_FOUND);
    if (found.size > MAX_FILE_BYTES)
      throw new CoapError(Code.INTERNAL_SERVER_ERROR, `larger than ${MAX_FILE_BYTES} bytes`);
    return representation(new Uint8Array(await readFile(path)), formatOf(path));
  }

  /** Puts `payload` in place of the file at `segments`, or makes it. */
  async write(segments: readonly string[], payload: Uint8Array) {
    const path = this.#join(segments);
    await this.#mustStayInside(await nearestThatExists(dirname(path)));
    await mkdir(dirname(path), { recursive: true });
    const before = await stat(path).catch(ignoreMissing);
    if (before !== undefined && !before.isFile()) throw new CoapError(Code.METHOD_NOT_ALLOWED, "it is a directory");
    // Readers see the old state or the new one, never half of it.
    const draft = `${path}.${randomUUID()}`;
    try {
      await writeFile(draft, payload);
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
    return before === undefined ? created() : changed();
  }

  async remove(segments: readonly string[]): Promise<void> {
    const path = await this.#locate(segments);
    if (!(await stat(path)).isFile()) throw new CoapError(Code.METHOD_NOT_ALLOWED, "it is a directory");
    await unlink(path);
  }

  /** What is in the directory at `segments`; names that begin with a dot are not shown. */
  async list(segments: readonly string[]): Promise<Link[]> {
    const entries = await readdir(await this.#locate(segments), { withFileTypes: true });
    const shown = entries.filter((entry) => !entry.name.startsWith(".") && (entry.isFile() || entry.isDirectory()));
    return shown
      .map((entry) => {
        const ct = entry.isDirectory() ? Format.LINKS : formatOf(entry.name);
        return link(formatUriPath([...segments, entry.name]), { ct });
      })
      .toSorted((a, b) => (a.target < b.target ? -1 : 1));
  }

  /** The path of something that exists inside the tree. */
  async #locate(segments: readonly string[]): Promise<string> {
    const path = await realpath(this.#join(segments)).catch(ignoreMissing);
    if (path === undefined) throw new CoapError(Code.NOT_FOUND, `there is nothing at ${formatUriPath(segments)}`);
    await this.#mustStayInside(path);
    return path;
  }

  #join(segments: readonly string[]): string {
    for (const segment of segments) {
      // A segment is one name: what would lead elsewhere, or hides, does not exist.
      if (segment === "" || segment.startsWith(".") || /[/\\\0]/.test(segment)) throw new CoapError(Code.NOT_FOUND);
    }
    return join(this.root, ...segments);
  }

  /** A symbolic link may lead out of the tree. */
  async #mustStayInside(path: string): Promise<void> {
    const real = await realpath(path);
    if (real !== this.root && !real.startsWith(this.root + sep)) throw new CoapError(Code.FORBIDDEN);
  }
}

/** Tells of each path that changes, until the signal aborts. */
async function watchTree(
  tree: FileTree,
  signal: AbortSignal,
  handleChange: (path: string) => Promise<void>,
): Promise<void> {
  try {
    for await (const { filename } of watch(tree.root, { recursive: true, signal })) {
      if (filename === null) continue;
      const segments = relative(tree.root, join(tree.root, filename)).split(sep);
      await handleChange(formatUriPath(segments));
    }
  } catch {
    // Aborted, or a file system that cannot be watched: the files are served all the same.
  }
}

function formatOf(path: string): number {
  return formatByEnding[extname(path).toLowerCase()] ?? Format.OCTETS;
}

async function nearestThatExists(path: string): Promise<string> {
  const found = await stat(path).catch(ignoreMissing);
  return found === undefined ? nearestThatExists(dirname(path)) : path;
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
    return undefined;
  throw error;
}
