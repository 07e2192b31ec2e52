import { ByteReader } from "@isthmus/bytes";
import { decodeAttributeSet, decodePolicy } from "./abe/policy-codec.js";
import { formatPolicy } from "./abe/policy-language.js";
import { CIPHERTEXT_LIMITS } from "./abe/policy.js";
import { type Certificate, parseCertificate } from "./authority/certificate.js";
import { parseBundle, type PublicBundle } from "./authority/bundle.js";
import { fileKind } from "./authority/passphrase.js";
import { ALGORITHM, CoseError, HEADER } from "./envelope/cose-parameters.js";
import { parseEncrypt0 } from "./envelope/encrypt0.js";
import { parseSign1 } from "./envelope/sign1.js";
import { parseWrapPayload, type WrapHeader } from "./envelope/wrap-message.js";

/** What bytes of Secure MQTT say to someone without keys. No signature is checked. */
export type Inspected =
  | { readonly type: "message"; readonly message: InspectedMessage }
  | { readonly type: "wrap"; readonly wrap: InspectedWrap }
  | { readonly type: "bundle"; readonly bundle: PublicBundle }
  | { readonly type: "certificate"; readonly certificate: Certificate }
  | { readonly type: "file"; readonly kind: string };

export interface InspectedMessage {
  /** 24 bytes: who made the key, and a commitment to it. */
  readonly keyId: Uint8Array;
  readonly counter: number | undefined;
  readonly algorithm: string;
  readonly contentType: string | undefined;
  readonly isRetained: boolean;
  readonly isCountersigned: boolean;
  /** Of what was sealed: the ciphertext without its tag. */
  readonly payloadBytes: number;
  readonly wrap: InspectedWrap | undefined;
}

export interface InspectedWrap extends Omit<WrapHeader, "certificate" | "algorithm"> {
  readonly algorithm: string;
  readonly certificate: Certificate;
  readonly wrapBytes: number;
  /** Who may read, where the suite shows it: the policy (`cp-abe`), or the topic's attributes (`kp-abe`). */
  readonly access: string | undefined;
}

/** @throws CoseError for bytes that are nothing of Secure MQTT. */
export function inspect(bytes: Uint8Array): Inspected {
  const attempts: readonly (() => Inspected)[] = [
    () => ({ type: "message", message: inspectMessage(bytes) }),
    () => ({ type: "wrap", wrap: inspectWrap(bytes) }),
    () => ({ type: "bundle", bundle: parseBundle(parseSign1(bytes).payload) }),
    () => ({ type: "certificate", certificate: parseCertificate(parseSign1(bytes).payload) }),
    () => ({ type: "file", kind: fileKind(bytes) }),
  ];
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch (cause) {
      if (!(cause instanceof CoseError)) throw cause;
    }
  }
  throw new CoseError("neither a sealed message, nor a wrap, a bundle, a certificate or a key file");
}

function inspectMessage(bytes: Uint8Array): InspectedMessage {
  const { protectedHeader, unprotectedHeader, ciphertext } = parseEncrypt0(bytes);
  const keyId = protectedHeader.get(HEADER.keyId);
  const partialIv = protectedHeader.get(HEADER.partialIv);
  const contentType = protectedHeader.get(HEADER.contentType);
  const wrap = unprotectedHeader.get(HEADER.wrap);
  if (!(keyId instanceof Uint8Array)) throw new CoseError("a message without key id");
  return {
    keyId,
    counter: partialIv instanceof Uint8Array && partialIv.length === 4 ? new ByteReader(partialIv).uint32() : undefined,
    algorithm: algorithmName(protectedHeader.get(HEADER.algorithm)),
    contentType: typeof contentType === "string" ? contentType : undefined,
    isRetained: protectedHeader.get(HEADER.isRetained) === true,
    isCountersigned: unprotectedHeader.has(HEADER.countersignature0),
    payloadBytes: ciphertext.length - 16,
    wrap: wrap instanceof Uint8Array ? inspectWrap(wrap) : undefined,
  };
}

function inspectWrap(bytes: Uint8Array): InspectedWrap {
  const { wrap, certificate, algorithm, ...header } = parseWrapPayload(parseSign1(bytes).payload);
  return {
    ...header,
    algorithm: algorithmName(algorithm),
    certificate: parseCertificate(parseSign1(certificate).payload),
    wrapBytes: wrap.length,
    access: accessOf(header.suite, wrap),
  };
}

function algorithmName(algorithm: unknown): string {
  return Object.entries(ALGORITHM).find(([, number]) => number === algorithm)?.[0] ?? String(algorithm);
}

function accessOf(suite: string, wrap: Uint8Array): string | undefined {
  if (suite !== "kp-abe" && suite !== "cp-abe") return undefined;
  try {
    const reader = new ByteReader(wrap);
    const access = reader.take(reader.uint16());
    return suite === "cp-abe"
      ? formatPolicy(decodePolicy(access, CIPHERTEXT_LIMITS))
      : decodeAttributeSet(access, CIPHERTEXT_LIMITS.leaves).join(", ");
  } catch {
    return "(malformed)";
  }
}
