/** A URI reference in its five parts, undefined where one is absent (RFC 3986 4.1). */
interface UriReference {
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

/**
 * The URI that `reference` means where `base` is the base URI (RFC 3986 5.2).
 *
 * Nothing is decoded, encoded or normalized but dot segments: what a link says comes out as it was said.
 *
 * @throws TypeError when `base` is not absolute.
 */
export function resolveUriReference(base: string, reference: string): string {
  const from = split(base);
  if (from.scheme === undefined) throw new TypeError(`the base URI "${base}" has no scheme`);
  return join(transform(from, split(reference)));
}

/** Whether `text` starts with a scheme: it needs no base. */
export function isAbsoluteUri(text: string): boolean {
  return split(text).scheme !== undefined;
}

/** RFC 3986 5.2.2. */
function transform(base: UriReference, reference: UriReference): UriReference {
  const { fragment } = reference;
  if (reference.scheme !== undefined) return { ...reference, path: removeDotSegments(reference.path) };
  const { scheme } = base;
  if (reference.authority !== undefined) return { ...reference, scheme, path: removeDotSegments(reference.path) };
  const { authority } = base;
  if (reference.path === "") {
    return { scheme, authority, path: base.path, query: reference.query ?? base.query, fragment };
  }
  const path = reference.path.startsWith("/") ? reference.path : merge(base, reference.path);
  return { scheme, authority, path: removeDotSegments(path), query: reference.query, fragment };
}

/** RFC 3986 5.2.3. */
function merge(base: UriReference, path: string): string {
  if (base.authority !== undefined && base.path === "") return `/${path}`;
  return base.path.slice(0, base.path.lastIndexOf("/") + 1) + path;
}

/** RFC 3986 5.2.4. */
function removeDotSegments(path: string): string {
  const input = path.split("/");
  const output: string[] = [];
  input.forEach((segment, index) => {
    const isLast = index === input.length - 1;
    // The empty first segment stands for the leading slash and stays.
    if (segment === ".." && (output.length > 1 || output[0] !== "")) output.pop();
    if (segment !== "." && segment !== "..") output.push(segment);
    else if (isLast) output.push("");
  });
  return output.join("/");
}

/** RFC 3986 appendix B. */
function split(text: string): UriReference {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#([\s\S]*))?$/.exec(text);
  const [, scheme, authority, path = "", query, fragment] = match ?? [];
  return { scheme, authority, path, query, fragment };
}

/** RFC 3986 5.3. */
function join({ scheme, authority, path, query, fragment }: UriReference): string {
  return [
    scheme === undefined ? "" : `${scheme}:`,
    authority === undefined ? "" : `//${authority}`,
    path,
    query === undefined ? "" : `?${query}`,
    fragment === undefined ? "" : `#${fragment}`,
  ].join("");
}
