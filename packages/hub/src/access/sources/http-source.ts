import { createHmac, randomBytes } from "node:crypto";
import { ReasonCode } from "@isthmus/mqtt/codec";
import type { Credentials, Identity, Refusal } from "../access.js";
import { WRONG_CREDENTIALS } from "../access-policy.js";
import { AccessError, type Finding, type IdentitySource } from "../identity-source.js";
import { BoundedQueue, QueueFullError } from "../passwords/bounded-queue.js";
import { AccessRuleError } from "../rules/access-rule.js";
import { parseGrantedRules } from "../rules/granted-rules.js";
import { type JsonAnswer, JsonPostError, postJson } from "./json-post.js";

/** Asks a server of the operator's by HTTP. */
export interface HttpSourceOptions {
  readonly type: "http";
  /** `http:` or `https:`; it gets a POST with the credentials as JSON. */
  readonly url: string;
  /** Sent along, such as `Authorization`. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  /** Milliseconds that an answer may take; without one nobody is let in. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Questions under way at the same time. Default 32. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Questions that wait for their turn. Default 1,000: more clients are told that the server is busy. */
  readonly maxWaitingRequests?: number | undefined;
  /** How long an answer is remembered, in seconds. Default 10; 0: not at all. */
  readonly cacheSeconds?: number | undefined;
  /** Answers remembered at the most: the oldest are forgotten. Default 10,000. */
  readonly maxCachedAnswers?: number | undefined;
}

const LARGEST_ANSWER_BYTES = 256 * 1024;

interface CachedAnswer {
  readonly finding: Finding;
  readonly expiresAt: number;
}

/** Lets the answer decide; where there is none that can be understood, nobody is let in. */
export class HttpSource implements IdentitySource {
  readonly kind = "http";
  readonly summary: string;
  readonly #timeoutMs: number;
  readonly #cacheMs: number;
  readonly #maxCachedAnswers: number;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #queue: BoundedQueue;
  readonly #answerByDigest = new Map<string, CachedAnswer>();
  readonly #digestKey = randomBytes(32);

  /** @throws AccessError for a URL that cannot be asked. */
  constructor(options: HttpSourceOptions) {
    const { url, headers = [] } = options;
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new AccessError(`${JSON.stringify(url)} is no URL to ask who may connect`, {
        hint: "http://... or https://...",
      });
    }
    this.#url = new URL(url);
    this.summary = `users that ${this.#url.host} knows`;
    this.#headers = Object.fromEntries(headers.map(({ name, value }) => [name, value]));
    const { timeoutMs = 5000, cacheSeconds = 10, maxCachedAnswers = 10_000 } = options;
    this.#timeoutMs = timeoutMs;
    this.#cacheMs = cacheSeconds * 1000;
    this.#maxCachedAnswers = maxCachedAnswers;
    this.#queue = new BoundedQueue(options.maxConcurrentRequests ?? 32, options.maxWaitingRequests ?? 1000);
  }

  identify(credentials: Credentials): Finding | Promise<Finding> {
    const question = questionOf(credentials);
    if (question.username === undefined && question.token === undefined && question.certificate === undefined)
      return undefined;
    const digest = this.#digestOf(question);
    const cached = this.#answerByDigest.get(digest);
    if (cached !== undefined && cached.expiresAt > performance.now()) return cached.finding;
    return this.#ask(question, digest);
  }

  /** It is asked again with the next connection. */
  mayStay(_identity: Identity): boolean {
    return true;
  }

  async #ask(question: Question, digest: string): Promise<Finding> {
    const options = { headers: this.#headers, timeoutMs: this.#timeoutMs, maxAnswerBytes: LARGEST_ANSWER_BYTES };
    try {
      const answer = await this.#queue.run(() => postJson(this.#url, question, options));
      const finding = findingOf(answer, question);
      this.#remember(digest, finding);
      return finding;
    } catch (error) {
      if (error instanceof QueueFullError)
        return { reasonCode: ReasonCode.serverBusy, reason: "too many questions wait" };
      if (error instanceof JsonPostError || error instanceof AccessRuleError) return unavailable(error.message);
      throw error;
    }
  }

  /** The password itself is not kept. */
  #digestOf(question: Question): string {
    return createHmac("sha256", this.#digestKey).update(JSON.stringify(question)).digest("base64");
  }

  #remember(digest: string, finding: Finding): void {
    if (this.#cacheMs === 0) return;
    this.#answerByDigest.delete(digest);
    this.#answerByDigest.set(digest, { finding, expiresAt: performance.now() + this.#cacheMs });
    // A map keeps the order of insertion.
    for (const oldest of this.#answerByDigest.keys()) {
      if (this.#answerByDigest.size <= this.#maxCachedAnswers) return;
      this.#answerByDigest.delete(oldest);
    }
  }
}

/** What the other side is told. */
interface Question {
  readonly door: string;
  readonly listener: string;
  /** Without its port, so that a client that comes back asks the same. */
  readonly ipaddress: string;
  readonly clientid: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly certificate: { readonly common_name: string | undefined; readonly fingerprint: string } | undefined;
}

function questionOf(credentials: Credentials): Question {
  const { door, listener, address, clientId, user, password, token, certificate } = credentials;
  return {
    door,
    listener,
    ipaddress: address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"),
    clientid: clientId,
    username: user,
    password: password && Buffer.from(password).toString(),
    token,
    certificate: certificate && { common_name: certificate.commonName, fingerprint: certificate.fingerprint },
  };
}

/**
 * 2xx without a word lets in, 4xx does not; a JSON body with `result` decides by itself: "allow", "deny", or "ignore",
 * which leaves it to the next source. Beside "allow" may stand `username`, `groups`, `acl` and `expire_at` (seconds).
 *
 * @throws JsonPostError for what is no such answer, AccessRuleError for rules that are not understood.
 */
function findingOf({ status, body }: JsonAnswer, question: Question): Finding {
  const told = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const isGood = status >= 200 && status < 300;
  if (!isGood && !(status >= 400 && status < 500)) throw new JsonPostError(`the server answered ${status}`);
  const { result = isGood ? "allow" : "deny" } = told;
  if (result === "ignore") return undefined;
  if (result !== "allow" && result !== "deny") throw new JsonPostError("the answer has no result that is known");
  if (!isGood || result === "deny") return WRONG_CREDENTIALS;
  return allowed(told, question);
}

function allowed(
  { username, groups, acl, expire_at: expireAt }: Readonly<Record<string, unknown>>,
  question: Question,
): Finding {
  const user = username ?? question.username ?? question.certificate?.common_name;
  if (typeof user !== "string" || user === "") throw new JsonPostError("the answer does not say who it is");
  if (expireAt !== undefined && typeof expireAt !== "number")
    throw new JsonPostError("expire_at is not a number of seconds");
  const names = groups === undefined ? undefined : [groups].flat().map(String);
  return {
    user,
    groups: names,
    rules: acl === undefined ? undefined : parseGrantedRules(acl),
    expiresAt: expireAt === undefined ? undefined : expireAt * 1000,
    source: "http",
  };
}

function unavailable(reason: string): Refusal {
  return { reasonCode: ReasonCode.serverUnavailable, reason: `who may connect cannot be found out: ${reason}` };
}
