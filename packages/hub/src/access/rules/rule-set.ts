import type { Topic } from "@isthmus/exchange";
import type { Identity } from "../access.js";
import {
  type AccessRule,
  allows,
  ANONYMOUS,
  DENY_SHIFT,
  EVERYBODY,
  keyOfGroup,
  keyOfUser,
  parseRule,
  READ,
  SUBSCRIBE,
  WRITE,
} from "./access-rule.js";
import { type RuleSubject, RuleTree } from "./rule-tree.js";
import { VerdictCache } from "./verdict-cache.js";

/** Users who share rules. */
export interface Group {
  readonly name: string;
  readonly users: readonly string[];
}

/** The rules of the settings, compiled: each subject's by themselves, so that the number of users costs nothing. */
export class RuleSet {
  readonly #treesByKey = new Map<string, SubjectTrees>();
  readonly #groupsByUser = new Map<string, string[]>();
  readonly #isEmpty: boolean;

  /** @throws AccessRuleError */
  constructor(rules: readonly AccessRule[] = [], groups: readonly Group[] = []) {
    this.#isEmpty = rules.length === 0;
    for (const rule of rules) {
      const { keys, mask, filters } = parseRule(rule);
      for (const key of keys) for (const filter of filters) this.#treesOf(key).add(filter, mask);
    }
    for (const { name, users } of groups) {
      for (const user of users) this.#groupsByUser.set(user, [...(this.#groupsByUser.get(user) ?? []), name]);
    }
  }

  /** The rules that concern `identity`; undefined when there are none at all, so that everything is allowed. */
  bind(identity: Identity): BoundRules | undefined {
    if (this.#isEmpty && identity.rules === undefined) return undefined;
    const subject = { user: usable(identity.user), clientId: usable(identity.clientId) };
    const trees = this.#keysOf(identity).flatMap((key) => this.#treesByKey.get(key)?.for(subject) ?? []);
    if (identity.rules !== undefined) trees.push(...compileOwn(identity.rules).for(subject));
    return new BoundRules(trees, subject);
  }

  /** The groups that the settings and the credentials put `identity` in. */
  groupsOf({ user, groups = [] }: Identity): string[] {
    return user === undefined ? [] : [...new Set([...(this.#groupsByUser.get(user) ?? []), ...groups])];
  }

  #keysOf(identity: Identity): string[] {
    const { user } = identity;
    if (user === undefined) return [EVERYBODY, ANONYMOUS];
    return [EVERYBODY, keyOfUser(user), ...this.groupsOf(identity).map(keyOfGroup)];
  }

  #treesOf(key: string): SubjectTrees {
    let trees = this.#treesByKey.get(key);
    if (trees === undefined) this.#treesByKey.set(key, (trees = new SubjectTrees()));
    return trees;
  }
}

/** What one identity may do. */
export class BoundRules {
  readonly #trees: readonly RuleTree[];
  readonly #subject: RuleSubject;
  #verdicts: VerdictCache | undefined;

  constructor(trees: readonly RuleTree[], subject: RuleSubject) {
    this.#trees = trees;
    this.#subject = subject;
  }

  mayRead(topic: string): boolean {
    return allows(this.#maskOf(topic), READ);
  }

  /** Remembered for the topics that were asked for lately: this is asked for each message of another topic. */
  mayWrite(topic: Topic): boolean {
    this.#verdicts ??= new VerdictCache();
    const known = this.#verdicts.get(topic);
    if (known !== undefined) return known;
    const verdict = allows(this.#maskOf(topic.name), WRITE);
    this.#verdicts.set(topic, verdict);
    return verdict;
  }

  /** Something of it may be read, and no rule denies it as a whole. */
  maySubscribe(filter: string): boolean {
    let denied = 0;
    let allowed = 0;
    for (const tree of this.#trees) {
      denied |= tree.covering(filter, this.#subject);
      allowed |= tree.overlapping(filter, this.#subject);
    }
    return (allowed & SUBSCRIBE) !== 0 && (denied & (SUBSCRIBE << DENY_SHIFT)) === 0;
  }

  #maskOf(topic: string): number {
    const levels = topic.split("/");
    let mask = 0;
    for (const tree of this.#trees) mask |= tree.ofTopic(levels, this.#subject);
    return mask;
  }
}

/** The rules of one subject, apart by what they need to know: without a user name, a rule with `%u` says nothing. */
class SubjectTrees {
  /** Index: 1 with `%u`, 2 with `%c`, 3 with both. */
  readonly #treeByNeed: (RuleTree | undefined)[] = [undefined, undefined, undefined, undefined];

  add(filter: string, mask: number): void {
    const levels = filter.split("/");
    const need = (levels.includes("%u") ? 1 : 0) | (levels.includes("%c") ? 2 : 0);
    (this.#treeByNeed[need] ??= new RuleTree()).add(filter, mask);
  }

  for({ user, clientId }: RuleSubject): RuleTree[] {
    const known = (user === undefined ? 0 : 1) | (clientId === undefined ? 0 : 2);
    return this.#treeByNeed.filter((_, need) => (need & known) === need).filter((tree) => tree !== undefined);
  }
}

/** Rules that came with credentials are about who brought them, whoever they name. */
function compileOwn(rules: readonly AccessRule[]): SubjectTrees {
  const trees = new SubjectTrees();
  for (const { mask, filters } of rules.map(parseRule)) for (const filter of filters) trees.add(filter, mask);
  return trees;
}

/** A name that could pass for something else in a topic or a filter is put in nowhere. */
function usable(name: string | undefined): string | undefined {
  return name === undefined || name === "" || /^\$|[+#/\0]/.test(name) ? undefined : name;
}
