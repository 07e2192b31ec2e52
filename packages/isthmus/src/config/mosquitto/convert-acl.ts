import path from "node:path";
import type { AccessRule, Permission } from "@isthmus/hub";
import type { Remark } from "./remark.js";
import { splitOnce } from "./read-conf.js";

/** What an acl_file becomes. */
export interface ConvertedAcl {
  readonly rules: readonly AccessRule[];
  readonly remarks: readonly Remark[];
}

type Effect = Pick<AccessRule, "allow" | "deny">;
type Subject = Pick<AccessRule, "user" | "anonymous">;

const EFFECT_BY_WORD: Readonly<Record<string, Effect>> = {
  read: { allow: "read" },
  write: { allow: "write" },
  readwrite: { allow: "readwrite" },
  deny: { deny: "readwrite" },
};

/** mosquitto lets everybody subscribe to anything, and holds back what they may not read. */
const SUBSCRIBE_TO_ANYTHING: AccessRule = { allow: "subscribe" satisfies Permission, topics: ["#", "$SYS/#"] };

/**
 * Converts the lines of an acl_file: `topic` before any `user` is about anonymous clients, behind one about that user,
 * and `pattern` about everybody.
 */
export function convertAcl(text: string, file: string): ConvertedAcl {
  const rules: AccessRule[] = [];
  const remarks: Remark[] = [];
  let subject: Subject = { anonymous: true };
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [word, rest] = splitOnce(line);
    if (word === "user") subject = { user: rest };
    else if (word === "topic") addRule(rules, subject, rest);
    else if (word === "pattern") addRule(rules, {}, rest);
    else
      remarks.push({ place: `${path.basename(file)}:${index + 1}`, text: line, reason: "not a line of an acl_file" });
  }
  return { rules: [...rules, SUBSCRIBE_TO_ANYTHING], remarks };
}

function addRule(rules: AccessRule[], subject: Subject, rest: string): void {
  const [word, topic] = splitOnce(rest);
  const effect = topic === "" ? undefined : EFFECT_BY_WORD[word];
  const rule = {
    ...subject,
    ...(effect ?? EFFECT_BY_WORD["readwrite"]),
    topics: [effect === undefined ? rest : topic],
  };
  const last = rules.at(-1);
  // Lines that differ in their topic alone are one rule.
  if (last !== undefined && isAlike(last, rule))
    rules[rules.length - 1] = { ...last, topics: [...last.topics, ...rule.topics] };
  else rules.push(rule);
}

function isAlike(a: AccessRule, b: AccessRule): boolean {
  return a.user === b.user && a.anonymous === b.anonymous && a.allow === b.allow && a.deny === b.deny;
}
