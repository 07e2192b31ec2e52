import type { MirrorRule } from "./mirror-options.js";

/** Which resource of which device is which topic. */
export class TopicMapping {
  readonly #rules: readonly {
    readonly matches: (endpoint: string, path: string) => boolean;
    readonly topic: string | false;
  }[];
  readonly #prefix: string;

  constructor(prefix: string, rules: readonly MirrorRule[]) {
    this.#prefix = prefix;
    this.#rules = rules.map(({ endpoint = "*", path = "*", topic }) => {
      const [matchesEndpoint, matchesPath] = [compilePattern(endpoint), compilePattern(path)];
      return { matches: (name, at) => matchesEndpoint(name) && matchesPath(at), topic };
    });
  }

  /**
   * The topic of a resource; undefined for one that is left out.
   *
   * @param path as in its URI, `/sensors/temp`; what MQTT has no words for is percent-encoded.
   */
  topicOf(endpoint: string, path: string): string | undefined {
    const rule = this.#rules.find(({ matches }) => matches(endpoint, path));
    if (rule?.topic === false) return undefined;
    const template = rule?.topic ?? `${this.#prefix}/{endpoint}/{path}`;
    // At once and as they are: a name that says "{path}" or "$&" is a name.
    const topic = template.replaceAll(/\{(endpoint|path)\}/g, (_, name) =>
      name === "endpoint" ? levelOf(endpoint) : levelsOf(path),
    );
    return topic.replace(/\/$/, "");
  }

  /** The topic that tells something of a device itself, as `$online`. */
  statusTopicOf(endpoint: string, name: string): string {
    return `${this.#prefix}/${levelOf(endpoint)}/${name}`;
  }
}

function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern === "*") return () => true;
  const source = pattern.split("*").map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  const expression = new RegExp(`^${source.join(".*")}$`, "su");
  return (text) => expression.test(text);
}

/** A name as one level of a topic: a slash would begin another one, and wildcards are not for names (4.7). */
function levelOf(name: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return name.replaceAll(/[+#/%\u0000-\u001f\u007f]/g, (character) => encodeURIComponent(character));
}

function levelsOf(path: string): string {
  return path
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("+", "%2B").replaceAll("#", "%23"))
    .join("/");
}
