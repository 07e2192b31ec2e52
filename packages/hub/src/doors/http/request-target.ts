import type { IncomingMessage } from "node:http";
import { RequestRefusedError } from "../requests/request-refusal.js";

/** What the request line asks for. */
export interface RequestTarget {
  /** The levels of the path below the mount, decoded; undefined for the mount itself. */
  readonly levels: readonly string[] | undefined;
  readonly query: URLSearchParams;
}

/**
 * Takes the target of a request apart. Nothing is resolved: an empty level and `..` are levels like any other.
 *
 * @throws RequestRefusedError malformed for a percent sign without two digits, or bytes that are not UTF-8.
 */
export function parseRequestTarget({ url = "/" }: IncomingMessage, mountPath: string): RequestTarget {
  // RFC 9112 3.2.2: the absolute form, as proxies use it.
  const origin = /^https?:\/\/[^/?]*/i.exec(url)?.[0].length ?? 0;
  const mark = url.indexOf("?", origin);
  const path = mark < 0 ? url.slice(origin) : url.slice(origin, mark);
  const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  const below = path.slice(mountPath.length);
  return { levels: below === "" ? undefined : below.slice(1).split("/").map(decodeLevel), query };
}

/** A topic as the path of a URL. */
export function formatTopicPath(mountPath: string, topic: string): string {
  return `${mountPath}/${topic.split("/").map(encodeURIComponent).join("/")}`;
}

function decodeLevel(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RequestRefusedError("malformed", `"${text}" is not percent-encoded UTF-8`, { cause });
  }
}
