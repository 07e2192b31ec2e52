import { encodeUtf8 } from "@isthmus/bytes";
import { Topic } from "@isthmus/exchange";
import fc from "fast-check";
import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import { describe, expect, test } from "vitest";
import { type AccessRule, AccessRuleError, type Permission } from "../src/access/rules/access-rule.js";
import { RuleSet } from "../src/access/rules/rule-set.js";
import type { Identity } from "../src/access/access.js";

const ANNA: Identity = { user: "anna", clientId: "phone" };

/** With topics as texts. */
function bind(rules: readonly AccessRule[], identity: Identity = ANNA) {
  const bound = bindTopics(rules, identity);
  return {
    mayRead: (topic: string) => bound.mayRead(topic),
    mayWrite: (topic: string) => bound.mayWrite(new Topic(topic, encodeUtf8(topic))),
    maySubscribe: (filter: string) => bound.maySubscribe(filter),
  };
}

function bindTopics(rules: readonly AccessRule[], identity: Identity) {
  const bound = new RuleSet(rules, [{ name: "operators", users: ["anna"] }]).bind(identity);
  if (bound === undefined) throw new Error("there are no rules");
  return bound;
}

describe("the rules of a topic", () => {
  test("without any, everything is allowed", () => {
    expect(new RuleSet().bind(ANNA)).toBeUndefined();
  });

  test("where there are some, what none allows is denied", () => {
    const rules = bind([{ user: "ben", allow: "readwrite", topics: ["#"] }]);
    expect([rules.mayRead("a"), rules.mayWrite("a"), rules.maySubscribe("a")]).toEqual([false, false, false]);
  });

  test.each([
    ["read", true, false, true],
    ["write", false, true, false],
    ["readwrite", true, true, true],
    ["subscribe", false, false, true],
  ] as const)("%s allows to read: %s, to write: %s, to subscribe: %s", (allow, read, write, subscribe) => {
    const rules = bind([{ allow, topics: ["house/#"] }]);
    expect([rules.mayRead("house/a"), rules.mayWrite("house/a"), rules.maySubscribe("house/a")]).toEqual([
      read,
      write,
      subscribe,
    ]);
  });

  test("one that denies wins over any that allows, in whatever order", () => {
    const allow: AccessRule = { user: "anna", allow: "readwrite", topics: ["house/#"] };
    const deny: AccessRule = { deny: "write", topics: ["house/alarm"] };
    for (const rules of [bind([allow, deny]), bind([deny, allow])]) {
      expect([rules.mayWrite("house/alarm"), rules.mayRead("house/alarm"), rules.mayWrite("house/lamp")]).toEqual([
        false,
        true,
        true,
      ]);
    }
  });

  test("concern users, groups, anonymous clients or everybody", () => {
    const rules: AccessRule[] = [
      { user: ["anna", "ben"], allow: "read", topics: ["users"] },
      { group: "operators", allow: "read", topics: ["operators"] },
      { group: "guests", allow: "read", topics: ["guests"] },
      { anonymous: true, allow: "read", topics: ["anonymous"] },
      { allow: "read", topics: ["everybody"] },
    ];
    const topics = ["users", "operators", "guests", "anonymous", "everybody"];
    const readable = (identity: Identity) => topics.filter((topic) => bind(rules, identity).mayRead(topic));
    expect(readable(ANNA)).toEqual(["users", "operators", "everybody"]);
    expect(readable({ user: "ben" })).toEqual(["users", "everybody"]);
    expect(readable({ user: "carl", groups: ["guests"] })).toEqual(["guests", "everybody"]);
    expect(readable({ user: undefined })).toEqual(["anonymous", "everybody"]);
  });

  test("a status topic is not below #, nor below +, nor a user's because of the name", () => {
    const rules = bind([{ allow: "read", topics: ["#", "+/#", "%u/load"] }], { user: "$SYS" });
    expect([rules.mayRead("$SYS/load"), rules.maySubscribe("$SYS/load"), rules.mayRead("a/load")]).toEqual([
      false,
      false,
      true,
    ]);
    const explicit = bind([{ allow: "read", topics: ["$SYS/#"] }]);
    expect([explicit.mayRead("$SYS/load"), explicit.maySubscribe("$SYS/+"), explicit.maySubscribe("#")]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("%u and %c", () => {
  const rules: AccessRule[] = [{ allow: "readwrite", topics: ["users/%u/#", "clients/%c/#", "both/%u/%c"] }];

  test("stand for the user name and the client identifier", () => {
    const bound = bind(rules);
    expect(bound.mayWrite("users/anna/a")).toBe(true);
    expect(bound.mayWrite("users/ben/a")).toBe(false);
    expect(bound.mayWrite("clients/phone/a")).toBe(true);
    expect(bound.mayWrite("both/anna/phone")).toBe(true);
    expect(bound.mayWrite("users/%u/a")).toBe(false);
  });

  test.each(["+", "#", "a/b", "", "+/#", "\0", "$SYS"])(
    "a name that could be taken for something else, %j, matches nothing",
    (name) => {
      const bound = bind(rules, { user: name, clientId: name });
      for (const topic of [`users/${name}/x`, `clients/${name}/x`, "users/a/b/x", "users/x/y"]) {
        expect([bound.mayWrite(topic), bound.maySubscribe(topic)]).toEqual([false, false]);
      }
      expect([bound.maySubscribe("users/+/x"), bound.maySubscribe("users/#")]).toEqual([false, false]);
    },
  );
});

describe("a subscription", () => {
  const bound = bind([
    { user: "anna", allow: "read", topics: ["house/+/temperature", "garden/#"] },
    { deny: "read", topics: ["garden/secret/#"] },
  ]);

  test.each([
    ["house/kitchen/temperature", true],
    ["house/+/temperature", true],
    ["house/#", true],
    ["#", true],
    ["+/+/+", true],
    ["house/kitchen/humidity", false],
    ["cellar/#", false],
    ["garden/secret", false],
    ["garden/secret/+", false],
    ["garden/+/+", true],
    ["$SYS/#", false],
  ])("to %s is granted: %s, as something of it may be read and nothing denies it as a whole", (filter, isGranted) => {
    expect(bound.maySubscribe(filter)).toBe(isGranted);
  });

  test("can be forbidden by itself, while reading is allowed", () => {
    const narrow = bind([
      { allow: "read", topics: ["house/#"] },
      { deny: "subscribe", topics: ["house/+/+/#"] },
    ]);
    expect([narrow.maySubscribe("house/a"), narrow.maySubscribe("house/a/b/c"), narrow.mayRead("house/a/b/c")]).toEqual(
      [true, false, true],
    );
  });
});

test.each([
  [{ allow: "read", topics: [] }, "no topics"],
  [{ topics: ["a"] }, "either allow or deny"],
  [{ allow: "read", deny: "read", topics: ["a"] }, "either allow or deny"],
  [{ user: "a", group: "b", allow: "read", topics: ["a"] }, "make it two rules"],
  [{ allow: "reed", topics: ["a"] }, '"reed" is not one of read, write, readwrite, subscribe'],
  [{ allow: "read", topics: ["a/#/b"] }, '"#" is not alone'],
  [{ allow: "read", topics: ["a/dev-%c"] }, "%u and %c have to be a whole level"],
] as const)("%j is no rule: it says what is wrong", (rule, problem) => {
  // Rules come from files as well, where no compiler has seen them.
  expect(() => new RuleSet([rule as AccessRule])).toThrow(AccessRuleError);
  expect(() => new RuleSet([rule as AccessRule])).toThrow(problem);
});

test("verdicts are remembered by topic, of as many as there are, and none is another's", () => {
  const bound = bindTopics([{ allow: "write", topics: ["even/#"] }], ANNA);
  const topics = Array.from({ length: 3000 }, (_, number) => {
    const name = `${number % 2 === 0 ? "even" : "odd"}/${number}`;
    return new Topic(name, encodeUtf8(name), number % 1500);
  });
  for (let round = 0; round < 3; round++) {
    for (const [number, topic] of topics.entries()) {
      if (bound.mayWrite(topic) !== (number % 2 === 0)) expect.fail(`${topic.name} in round ${round}`);
    }
  }
});

describe("any rules decide as a naive reading of each of them does", () => {
  const LEVELS = ["a", "b", "$x"];
  /** All topics of up to four levels; "z" is in no rule. */
  const TOPICS = [1, 2, 3, 4].flatMap((length) => combinations(["a", "b", "z", "$x"], length));
  const level = fc.constantFrom(...LEVELS, "+", "%u", "%c");
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, isOpen]) => (isOpen ? [...levels, "#"] : levels).join("/"));
  const permission = fc.constantFrom<Permission>("read", "write", "readwrite", "subscribe");
  const rule = fc.record({
    isDenied: fc.boolean(),
    permission,
    topics: fc.array(fc.oneof(filter, fc.constant("#")), { minLength: 1, maxLength: 3 }),
  });
  const identity = fc.record({
    user: fc.constantFrom(undefined, "a", "b", "$x", "+"),
    clientId: fc.constantFrom(undefined, "a", "z", "#"),
  });

  test("of topics", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), identity, fc.constantFrom(...TOPICS), (rules, who, topic) => {
        const bound = bind([{ user: "nobody", allow: "read", topics: ["q"] }, ...rules.map(toRule)], who);
        expect(bound.mayRead(topic)).toBe(naive(rules, who, "read", (each) => matches(each, topic)));
        expect(bound.mayWrite(topic)).toBe(naive(rules, who, "write", (each) => matches(each, topic)));
      }),
      { numRuns: 5000 },
    );
  });

  test("of filters", () => {
    const asked = fc.oneof(
      filter.map((text) => text.replaceAll("%u", "a").replaceAll("%c", "z")),
      fc.constant("#"),
    );
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), identity, asked, (rules, who, filter) => {
        const bound = bind([{ user: "nobody", allow: "read", topics: ["q"] }, ...rules.map(toRule)], who);
        const meant = TOPICS.filter((topic) => matches(filter, topic));
        const isAllowed = rules.some(
          (each) =>
            !each.isDenied &&
            each.permission !== "write" &&
            filtersOf(each, who).some((own) => meant.some((topic) => matches(own, topic))),
        );
        const isDenied = rules.some(
          (each) =>
            each.isDenied &&
            each.permission !== "write" &&
            filtersOf(each, who).some((own) => meant.every((topic) => matches(own, topic))),
        );
        expect(bound.maySubscribe(filter)).toBe(isAllowed && !isDenied);
      }),
      { numRuns: 3000 },
    );
  });

  interface Drawn {
    readonly isDenied: boolean;
    readonly permission: Permission;
    readonly topics: readonly string[];
  }

  function toRule({ isDenied, permission, topics }: Drawn): AccessRule {
    return isDenied ? { deny: permission, topics } : { allow: permission, topics };
  }

  function naive(
    rules: readonly Drawn[],
    who: Identity,
    verb: "read" | "write",
    isMatch: (filter: string) => boolean,
  ): boolean {
    const concerned = rules.filter(
      (each) => (each.permission === verb || each.permission === "readwrite") && filtersOf(each, who).some(isMatch),
    );
    return concerned.length > 0 && concerned.every(({ isDenied }) => !isDenied);
  }

  /** With the names put in; a filter that asks for one that is missing or not fit is left out. */
  function filtersOf({ topics }: Drawn, { user, clientId }: Identity): string[] {
    return topics.flatMap((text) => {
      const levels = text.split("/");
      const isUserFit = user !== undefined && !/^\$|[+#/]/.test(user);
      const isClientFit = clientId !== undefined && !/^\$|[+#/]/.test(clientId);
      if ((levels.includes("%u") && !isUserFit) || (levels.includes("%c") && !isClientFit)) return [];
      return [levels.map((each) => (each === "%u" ? user : each === "%c" ? clientId : each)).join("/")];
    });
  }

  function matches(filter: string, topic: string): boolean {
    return topicMatches(parseTopicFilter(filter), parseTopicName(topic));
  }

  function combinations(levels: readonly string[], length: number): string[] {
    if (length === 1) return [...levels];
    return combinations(levels, length - 1).flatMap((start) => levels.map((level) => `${start}/${level}`));
  }
});
