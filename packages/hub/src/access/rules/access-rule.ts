import { parseTopicFilter, TopicSyntaxError } from "@isthmus/mqtt/topics";

/** What a rule is about: getting messages, publishing them, both, or asking for a filter. */
export type Permission = "read" | "write" | "readwrite" | "subscribe";

/**
 * One rule: who may, or may not, do what, on which topics.
 *
 * It is about one user, one group, anonymous clients or, if it names nobody, everybody. A rule that denies wins over any
 * that allows; what no rule allows is denied.
 *
 * @example { user: "anna", allow: "readwrite", topics: ["house/#"] }
 * @example { group: "sensors", allow: "write", topics: ["sensors/%c/#"] }
 */
export interface AccessRule {
  readonly user?: string | readonly string[] | undefined;
  readonly group?: string | readonly string[] | undefined;
  /** True: clients without a user name. */
  readonly anonymous?: boolean | undefined;
  readonly allow?: Permission | undefined;
  readonly deny?: Permission | undefined;
  /** Topic filters. A level `%u` stands for the user name, `%c` for the client identifier. */
  readonly topics: readonly string[];
}

/** A rule that cannot be one, with what is wrong about it. */
export class AccessRuleError extends Error {
  override readonly name = "AccessRuleError";
}

/** What may be done on a topic, or may not, as bits: see {@link allows}. */
export const READ = 1;
export const WRITE = 2;
export const SUBSCRIBE = 4;
/** What is denied stands beside what is allowed. */
export const DENY_SHIFT = 3;

/** Who reads may ask for it. */
const BITS: Readonly<Record<Permission, number>> = {
  read: READ | SUBSCRIBE,
  write: WRITE,
  readwrite: READ | WRITE | SUBSCRIBE,
  subscribe: SUBSCRIBE,
};

/** Whether `mask` allows `bit`, and does not deny it. */
export function allows(mask: number, bit: number): boolean {
  return (mask & (bit | (bit << DENY_SHIFT))) === bit;
}

/** A rule taken apart: whose it is, by key, and what it adds to the mask of each filter. */
export interface ParsedRule {
  /** See {@link keyOfUser}. */
  readonly keys: readonly string[];
  readonly mask: number;
  readonly filters: readonly string[];
}

/** Everybody; the keys of others never look like it. */
export const EVERYBODY = "";
export const ANONYMOUS = "a";
export const keyOfUser = (user: string): string => `u:${user}`;
export const keyOfGroup = (group: string): string => `g:${group}`;

/** @throws AccessRuleError */
export function parseRule(rule: AccessRule): ParsedRule {
  const { user, group, anonymous, allow, deny, topics } = rule;
  const given = [user, group, anonymous === true ? true : undefined].filter((one) => one !== undefined);
  if (given.length > 1) throw refuse(rule, "it names more than one of user, group and anonymous: make it two rules");
  if ((allow === undefined) === (deny === undefined)) throw refuse(rule, "it has to say either allow or deny");
  if (topics.length === 0) throw refuse(rule, "it has no topics");
  const bits = allow === undefined ? bitsOf(rule, deny) << DENY_SHIFT : bitsOf(rule, allow);
  return { keys: keysOf(rule), mask: bits, filters: topics.map((filter) => parseRuleFilter(rule, filter)) };
}

function keysOf({ user, group, anonymous }: AccessRule): string[] {
  if (anonymous === true) return [ANONYMOUS];
  if (user !== undefined) return [user].flat().map(keyOfUser);
  return group === undefined ? [EVERYBODY] : [group].flat().map(keyOfGroup);
}

function bitsOf(rule: AccessRule, permission: Permission | undefined): number {
  // Rules also come from outside the type checker: tokens, files, answers over HTTP.
  const bits = permission === undefined ? undefined : BITS[permission];
  if (bits === undefined) throw refuse(rule, `"${permission}" is not one of ${Object.keys(BITS).join(", ")}`);
  return bits;
}

function parseRuleFilter(rule: AccessRule, text: string): string {
  for (const level of text.split("/")) {
    if (/%[uc]/.test(level) && level.length > 2) {
      throw refuse(rule, `${JSON.stringify(level)} in ${JSON.stringify(text)}: %u and %c have to be a whole level`);
    }
  }
  try {
    return normalizeFilter(parseTopicFilter(text));
  } catch (cause) {
    if (cause instanceof TopicSyntaxError) throw refuse(rule, cause.message, { cause });
    throw cause;
  }
}

/** `+/#` matches what `#` does, as every topic has a level. */
export function normalizeFilter(filter: string): string {
  return filter === "+/#" ? "#" : filter;
}

function refuse(rule: AccessRule, problem: string, options?: ErrorOptions): AccessRuleError {
  return new AccessRuleError(`the rule ${JSON.stringify(rule)}: ${problem}`, options);
}
