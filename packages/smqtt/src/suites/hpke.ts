import { equalBytes } from "@isthmus/bytes";
import { asArray, asBytes, asText, asUnsigned, type CborValue, decodeCbor, encodeCbor } from "../envelope/cbor.js";
import { ENCAPSULATED_BYTES, hpkeOpen, hpkeSeal } from "./hpke-cipher.js";
import { matchesTopic, parseTopicFilter } from "../topics.js";
import {
  CONTENT_KEY_BYTES,
  SUBJECT_ID_BYTES,
  type Suite,
  type SuiteMaster,
  UnwrapError,
  WrapError,
  type WrapTarget,
} from "./suite.js";

/** An entry of the public directory: who reads what until when, and with which key. */
interface DirectoryEntry {
  readonly subject: Uint8Array;
  readonly exchangeKey: Uint8Array;
  readonly filters: readonly string[];
  readonly from: number;
  readonly until: number;
}

/** The content key with the tag of AES-256-GCM. */
const SEALED_BYTES = CONTENT_KEY_BYTES + 16;
/** More readers than this, and one of the attribute-based suites is what you want. */
const MAX_READERS = 10_000;

/**
 * One HPKE ciphertext (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) per reader, 90 bytes each.
 *
 * The authority holds no key that opens anything: devices keep their own, and the directory of readers is public.
 * The wrap grows with the readers, and a reader who joins later finds no entry in older wraps.
 */
export function hpkeSuite(): Suite {
  const directories = new WeakMap<Uint8Array, readonly DirectoryEntry[]>();
  const entriesOf = (parameters: Uint8Array): readonly DirectoryEntry[] => {
    const entries = directories.get(parameters) ?? decodeDirectory(parameters);
    directories.set(parameters, entries);
    return entries;
  };
  const withEntries = (generation: number, entries: readonly DirectoryEntry[]): SuiteMaster => ({
    generation,
    secret: new Uint8Array(0),
    parameters: encodeDirectory(entries),
  });

  return {
    name: "hpke",
    setup: async () => withEntries(1, []),
    enrol: async (master, grant) => {
      for (const filter of grant.subscribe) parseTopicFilter(filter);
      const others = entriesOf(master.parameters).filter(({ subject }) => !equalBytes(subject, grant.subject));
      const { subject, exchangeKey, subscribe: filters, validity } = grant;
      const entries = filters.length > 0 ? [...others, { subject, exchangeKey, filters, ...validity }] : others;
      const readerKey = filters.length > 0 ? subject : undefined; // the private key is the device's own
      return { master: withEntries(master.generation, entries), readerKey, writerKey: undefined };
    },
    rotate: async (master, revoked) => {
      const isRevoked = (entry: DirectoryEntry): boolean =>
        revoked.some((subject) => equalBytes(subject, entry.subject));
      const left = entriesOf(master.parameters).filter((entry) => !isRevoked(entry));
      return withEntries(master.generation + 1, left);
    },
    scope: ({ parameters }, target) =>
      readersOf(entriesOf(parameters), target)
        .map(({ subject }) => subject.join("."))
        .join(" "),
    wrap: async ({ parameters }, target, context, random) => {
      const readers = readersOf(entriesOf(parameters), target);
      if (readers.length === 0) throw new WrapError(`nobody may read "${target.topic}"`);
      const contentKey = random(CONTENT_KEY_BYTES);
      const sealed: CborValue[] = [];
      for (const { subject, exchangeKey } of readers) {
        const { enc, ciphertext } = await hpkeSeal(exchangeKey, context, contentKey);
        sealed.push([subject, enc, ciphertext]);
      }
      return { contentKey, wrap: encodeCbor(sealed) };
    },
    unwrap: async ({ subject, exchangeSecret }, wrap, context) => {
      try {
        const entry = asArray(decodeCbor(wrap, { items: 4 * MAX_READERS + 1 }))
          .map((item) => asArray(item, 3))
          .find(([id]) => equalBytes(asBytes(id, SUBJECT_ID_BYTES), subject));
        if (entry === undefined) throw new UnwrapError();
        const enc = asBytes(entry[1], ENCAPSULATED_BYTES);
        return await hpkeOpen(exchangeSecret, context, { enc, ciphertext: asBytes(entry[2], SEALED_BYTES) });
      } catch {
        throw new UnwrapError(); // every failure looks the same
      }
    },
  };
}

function readersOf(entries: readonly DirectoryEntry[], { topic, time }: WrapTarget): DirectoryEntry[] {
  return entries.filter(
    ({ filters, from, until }) => from <= time && time < until && filters.some((filter) => matchesTopic(filter, topic)),
  );
}

function encodeDirectory(entries: readonly DirectoryEntry[]): Uint8Array {
  return encodeCbor(
    entries.map(({ subject, exchangeKey, filters, from, until }): CborValue => [
      subject,
      exchangeKey,
      filters,
      from,
      until,
    ]),
  );
}

function decodeDirectory(bytes: Uint8Array): DirectoryEntry[] {
  return asArray(decodeCbor(bytes, { items: 100 * MAX_READERS })).map((item) => {
    const [subject, exchangeKey, filters, from, until] = asArray(item, 5);
    return {
      subject: asBytes(subject, SUBJECT_ID_BYTES),
      exchangeKey: asBytes(exchangeKey, 32),
      filters: asArray(filters).map(asText),
      from: asUnsigned(from),
      until: asUnsigned(until),
    };
  });
}
