import { type AccessRule, AccessRuleError, parseRule, type Permission } from "./access-rule.js";

/** More are taken for a mistake: they are compiled for each client by itself. */
const MOST_FILTERS = 1000;

const PERMISSION_BY_WORD: Readonly<Record<string, Permission>> = {
  pub: "write",
  publ: "write",
  publish: "write",
  sub: "read",
  subs: "read",
  subscribe: "read",
  all: "readwrite",
};

/**
 * The rules that a token or an answer brings along, in any of the forms that are in use:
 *
 * - `{"publ": ["a"], "subs": ["b/#"]}`, also with `pub`, `sub` and `all`;
 * - `[{"permission": "allow", "action": "publish", "topic": "a"}]`, where the permission may also be `deny`.
 *
 * `${username}` and `${clientid}` are `%u` and `%c`.
 *
 * @throws AccessRuleError for anything else: a rule that is not understood may have been one that denies.
 */
export function parseGrantedRules(granted: unknown): AccessRule[] {
  const rules = Array.isArray(granted) ? granted.map(ruleOfEntry) : rulesOfLists(granted);
  const count = rules.reduce((sum, { topics }) => sum + topics.length, 0);
  if (count > MOST_FILTERS) throw new AccessRuleError(`${count} topic filters are more than ${MOST_FILTERS}`);
  for (const rule of rules) parseRule(rule);
  return rules;
}

function rulesOfLists(granted: unknown): AccessRule[] {
  if (typeof granted !== "object" || granted === null) throw notUnderstood(granted);
  return Object.entries(granted)
    .filter(([, topics]) => !(Array.isArray(topics) && topics.length === 0))
    .map(([word, topics]) => ({ allow: permissionOf(word), topics: topicsOf(topics) }));
}

function ruleOfEntry(entry: unknown): AccessRule {
  if (typeof entry !== "object" || entry === null || !("topic" in entry)) throw notUnderstood(entry);
  const { permission = "allow", action = "all", topic } = entry as Readonly<Record<string, unknown>>;
  const meant = permissionOf(action);
  const topics = topicsOf(topic);
  if (permission === "allow") return { allow: meant, topics };
  if (permission === "deny") return { deny: meant, topics };
  throw notUnderstood(entry);
}

function permissionOf(word: unknown): Permission {
  const permission = typeof word === "string" ? PERMISSION_BY_WORD[word] : undefined;
  if (permission === undefined) throw notUnderstood(word);
  return permission;
}

function topicsOf(given: unknown): string[] {
  return [given].flat().map((topic: unknown) => {
    if (typeof topic !== "string") throw notUnderstood(topic);
    return topic.replaceAll("${username}", "%u").replaceAll("${clientid}", "%c");
  });
}

function notUnderstood(what: unknown): AccessRuleError {
  return new AccessRuleError(`${JSON.stringify(what)?.slice(0, 100)} is no rule`);
}
