import { toHex } from "@isthmus/bytes";
import type {
  Certificate,
  DeviceGrant,
  DeviceRecord,
  Inspected,
  InspectedMessage,
  InspectedWrap,
  Membership,
} from "@isthmus/smqtt";

const DAY_SECONDS = 86_400;

/** An instant in Unix seconds, to the minute in UTC. */
export function formatTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** What a device is and may do, on a few lines. */
export function describeMembership(membership: Membership, now: number = Date.now() / 1000): string {
  const { certificate, bundle, readableSuites } = membership;
  const isRevoked = membership.revoked.some((id) => toHex(id) === toHex(certificate.id));
  return lines(`device "${certificate.name}" of "${bundle.name}"`, [
    ["id", toHex(certificate.id)],
    ["publishes to", list(certificate.publish)],
    ["reads with", list(readableSuites)],
    ["until", `${formatTime(certificate.validity.until)}${remark(certificate, now)}`],
    ["renewal", isRevoked ? "revoked" : membership.needsRenewal ? "needed: the suites were rotated" : undefined],
  ]);
}

function remark({ validity }: Certificate, now: number): string {
  const days = Math.floor((validity.until - now) / DAY_SECONDS);
  if (days < 0) return " (over)";
  return ` (${days === 0 ? "today" : `${days} days`})`;
}

/** What the authority knows of a device. */
export function describeDevice(id: string, { name, grant, enrolledAt, isRevoked }: DeviceRecord): string {
  return lines(`  ${name}${isRevoked ? " (revoked)" : ""}`, [
    ["  id", id],
    ["  enrolled", formatTime(enrolledAt)],
    ...grantRows(grant),
  ]);
}

function grantRows({ publish = [], subscribe = [], attributes = [] }: DeviceGrant): readonly Row[] {
  const roles = attributes.map((role) => (typeof role === "string" ? role : `${role[0]}=${role[1]}`));
  return [
    ["  publishes to", publish.length > 0 ? list(publish) : undefined],
    ["  reads", subscribe.length > 0 ? list(subscribe) : undefined],
    ["  is", roles.length > 0 ? list(roles) : undefined],
  ];
}

type Row = readonly [name: string, value: string | undefined];

/** A title and rows under it; those without a value are left out. */
export function lines(title: string, rows: readonly Row[]): string {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return `${title}\n${shown.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join("")}`;
}

/** What anyone can see of bytes that are no key file. */
export function describeInspected(inspected: Exclude<Inspected, { type: "file" }>, size: number): string {
  switch (inspected.type) {
    case "message":
      return describeMessage(inspected.message, size);
    case "wrap":
      return lines(`wrap of a content key, ${size} bytes (signature not checked)`, wrapRows(inspected.wrap));
    case "certificate":
      return lines("certificate (signature not checked)", certificateRows(inspected.certificate));
    case "bundle": {
      const { name, serial, issuedAt, suites, revoked } = inspected.bundle;
      return lines(`word of the authority "${name}" (signature not checked)`, [
        ["serial", String(serial)],
        ["issued", formatTime(issuedAt)],
        ["suites", list(suites.map((suite) => `${suite.name} (generation ${suite.generation})`))],
        ["revoked", list(revoked.map((id) => toHex(id)))],
      ]);
    }
  }
}

function describeMessage(message: InspectedMessage, size: number): string {
  const { keyId, counter, algorithm, contentType, isRetained, isCountersigned, payloadBytes, wrap } = message;
  const rows: Row[] = [
    ["publisher", toHex(keyId.subarray(0, 8))],
    ["key", toHex(keyId.subarray(8))],
    ["counter", String(counter)],
    ["cipher", algorithm],
    ["payload", `${payloadBytes} bytes`],
    ["content type", contentType],
    ["to be retained", isRetained ? "yes" : "no"],
    ["countersigned", isCountersigned ? "yes" : "no"],
  ];
  const title = `sealed message, ${size} bytes`;
  if (wrap === undefined) return lines(title, rows);
  return lines(title, rows) + lines("  wrap in it (signature not checked)", wrapRows(wrap).map(indented));
}

function indented([name, value]: Row): Row {
  return [`  ${name}`, value];
}

function wrapRows({
  suite,
  generation,
  created,
  expires,
  algorithm,
  isCountersigned,
  certificate,
  wrapBytes,
  access,
}: InspectedWrap): Row[] {
  return [
    ["suite", `${suite}, generation ${generation}, ${wrapBytes} bytes`],
    ["for", access],
    ["used", `${formatTime(created)} to ${formatTime(expires)}`],
    ["cipher", `${algorithm}${isCountersigned ? ", each message signed" : ""}`],
    ...certificateRows(certificate),
  ];
}

function certificateRows({ id, name, publish, validity }: Certificate): Row[] {
  return [
    ["publisher", `${name} (${toHex(id)})`],
    ["may publish to", list(publish)],
    ["certified", `${formatTime(validity.from)} to ${formatTime(validity.until)}`],
  ];
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "nothing" : items.join(", ");
}
