import { type Attribute, AttributeError, parseGrantableAttribute } from "./attribute.js";
import { comparison, type ComparisonOperator, threshold } from "./policy-gates.js";
import {
  allOf,
  anyOf,
  attributePolicy,
  checkPolicy,
  CIPHERTEXT_LIMITS,
  type Policy,
  PolicyError,
  type PolicyLimits,
} from "./policy.js";

/**
 * The policy language:
 *
 * ```
 *   policy      = conjunction *( "OR" conjunction )
 *   conjunction = term *( "AND" term )
 *   term        = "(" policy ")"
 *               / count "of" "(" policy *( "," policy ) ")"      ; at least `count` of them
 *               / name operator integer                          ; a comparison, 0 to 255
 *               / name
 *   operator    = "=" / "!=" / "<" / "<=" / ">" / ">="
 *   name        = word / DQUOTE characters DQUOTE                ; \" and \\ inside quotes
 * ```
 *
 * A word has no white space and none of `( ) , " = ! < >`. The words `AND`, `OR` and `of` are keywords in upper and
 * lower case; quoted they are names.
 */
const MAX_TEXT_LENGTH = 16_384;

/** The policy text is wrong; says where. */
export class PolicySyntaxError extends PolicyError {
  /** Index in the text of what is wrong. */
  readonly offset: number;

  constructor(message: string, offset: number, options?: ErrorOptions) {
    super(`${message} at ${offset}`, options);
    this.offset = offset;
  }
}

/**
 * The policy that `text` spells.
 *
 * @example
 * parsePolicy('(nurse AND ward >= 3) OR 2 of (doctor, "night shift", admin)');
 * @throws PolicySyntaxError for text outside the language, PolicyError beyond `limits`.
 */
export function parsePolicy(text: string, limits: PolicyLimits = CIPHERTEXT_LIMITS): Policy {
  if (text.length > MAX_TEXT_LENGTH) throw new PolicyError(`a policy of ${text.length} characters`);
  const policy = new PolicyParser(text, limits).parse();
  checkPolicy(policy, limits);
  return policy;
}

/** Text that {@link parsePolicy} reads back as the same policy; reserved attributes are shown but not read back. */
export function formatPolicy(policy: Policy): string {
  if (policy.type === "attribute") return `"${policy.attribute.replaceAll(/["\\]/g, "\\$&")}"`;
  if (policy.type === "or") return policy.children.map(formatPolicy).join(" OR ");
  return policy.children
    .map((child) => (child.type === "or" ? `(${formatPolicy(child)})` : formatPolicy(child)))
    .join(" AND ");
}

interface Token {
  readonly kind: "word" | "quoted" | "symbol" | "end";
  readonly text: string;
  readonly offset: number;
}

const TOKEN = /\s*(?:(?<quoted>"(?:[^"\\]|\\["\\])*")|(?<symbol><=|>=|!=|[(),=<>])|(?<word>[^\s(),"=!<>]+))/uy;

class PolicyParser {
  readonly #text: string;
  readonly #limits: PolicyLimits;
  #next: Token;
  #offset = 0;
  #leaves = 0;

  constructor(text: string, limits: PolicyLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#next = this.#scan();
  }

  parse(): Policy {
    const policy = this.#disjunction(1);
    if (this.#next.kind !== "end") throw this.#unexpected();
    return policy;
  }

  #disjunction(depth: number): Policy {
    const terms = [this.#conjunction(depth)];
    while (this.#takeKeyword("or")) terms.push(this.#conjunction(depth));
    return anyOf(terms);
  }

  #conjunction(depth: number): Policy {
    const terms = [this.#term(depth)];
    while (this.#takeKeyword("and")) terms.push(this.#term(depth));
    return allOf(terms);
  }

  #term(depth: number): Policy {
    // Twice the depth of the tree: parentheses may alternate with gates that are folded into their parent.
    if (depth > 2 * this.#limits.depth) throw new PolicyError(`deeper than ${this.#limits.depth} levels`);
    if (this.#takeSymbol("(")) {
      const policy = this.#disjunction(depth + 1);
      this.#expectSymbol(")");
      return policy;
    }
    const token = this.#take();
    if (token.kind !== "word" && token.kind !== "quoted") throw this.#unexpected(token);
    if (token.kind === "word" && isKeyword(token)) throw this.#unexpected(token);
    if (token.kind === "word" && /^\d+$/.test(token.text) && this.#takeKeyword("of"))
      return this.#threshold(token, depth);
    const operator = this.#takeOperator();
    if (operator !== undefined) return this.#comparison(token, operator);
    this.#countLeaf();
    return attributePolicy(this.#attribute(token));
  }

  #threshold(count: Token, depth: number): Policy {
    this.#expectSymbol("(");
    const policies = [this.#disjunction(depth + 1)];
    while (this.#takeSymbol(",")) policies.push(this.#disjunction(depth + 1));
    this.#expectSymbol(")");
    const needed = Number(count.text);
    if (needed < 1 || needed > policies.length) {
      throw new PolicySyntaxError(`${count.text} of ${policies.length} cannot be`, count.offset);
    }
    return threshold(needed, policies, this.#limits);
  }

  #comparison(name: Token, operator: ComparisonOperator): Policy {
    const value = this.#take();
    if (value.kind !== "word" || !/^\d{1,3}$/.test(value.text)) throw this.#unexpected(value);
    try {
      return comparison(this.#attribute(name), operator, Number(value.text));
    } catch (cause) {
      if (!(cause instanceof PolicyError)) throw cause;
      throw new PolicySyntaxError(cause.message, name.offset, { cause });
    }
  }

  #attribute(token: Token): Attribute {
    try {
      return parseGrantableAttribute(token.text);
    } catch (cause) {
      if (!(cause instanceof AttributeError)) throw cause;
      throw new PolicySyntaxError(cause.message, token.offset, { cause });
    }
  }

  /** Ends a policy of 10^5 names at the first one too many. */
  #countLeaf(): void {
    if (++this.#leaves > this.#limits.leaves) throw new PolicyError(`more than ${this.#limits.leaves} attributes`);
  }

  #takeKeyword(keyword: "and" | "or" | "of"): boolean {
    const { kind, text } = this.#next;
    if (kind !== "word" || (text !== keyword && text !== keyword.toUpperCase())) return false;
    this.#take();
    return true;
  }

  #takeSymbol(symbol: string): boolean {
    if (this.#next.kind !== "symbol" || this.#next.text !== symbol) return false;
    this.#take();
    return true;
  }

  #expectSymbol(symbol: string): void {
    if (!this.#takeSymbol(symbol)) throw this.#unexpected();
  }

  #takeOperator(): ComparisonOperator | undefined {
    const { kind, text } = this.#next;
    if (kind !== "symbol" || !isOperator(text)) return undefined;
    this.#take();
    return text;
  }

  #take(): Token {
    const token = this.#next;
    this.#next = this.#scan();
    return token;
  }

  #scan(): Token {
    TOKEN.lastIndex = this.#offset;
    const match = TOKEN.exec(this.#text);
    if (match === null) {
      const rest = this.#text.slice(this.#offset).trimStart();
      const offset = this.#text.length - rest.length;
      if (rest !== "") throw new PolicySyntaxError(`unexpected ${JSON.stringify(rest.slice(0, 20))}`, offset);
      return { kind: "end", text: "the end", offset };
    }
    this.#offset = TOKEN.lastIndex;
    const { quoted, symbol, word = "" } = match.groups ?? {};
    const offset = this.#offset - (quoted ?? symbol ?? word).length;
    if (quoted !== undefined)
      return { kind: "quoted", text: quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1"), offset };
    return symbol === undefined ? { kind: "word", text: word, offset } : { kind: "symbol", text: symbol, offset };
  }

  #unexpected(token: Token = this.#next): PolicySyntaxError {
    return new PolicySyntaxError(`unexpected ${JSON.stringify(token.text)}`, token.offset);
  }
}

function isKeyword(token: Token): boolean {
  return ["and", "AND", "or", "OR", "of", "OF"].includes(token.text);
}

function isOperator(text: string): text is ComparisonOperator {
  return ["=", "!=", "<", "<=", ">", ">="].includes(text);
}
