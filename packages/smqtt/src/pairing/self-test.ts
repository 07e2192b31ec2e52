import { encodeUtf8, toHex } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import type { PairingGroup } from "./pairing-group.js";

/** A backend's answers differ from the known ones: it must not be used. */
export class SelfTestError extends Error {
  override readonly name = "SelfTestError";
}

const DOMAIN = "ISTHMUS-SMQTT-V01-SELF-TEST";
const SCALAR = 0x1f3a5c7e90b2d4f61830527496b8dafc1e3f5a7b9cbddeff0123456789abcdefn;
/** SHA-256 over all encodings that {@link selfTest} makes, as the noble backend and mcl-wasm 2.4.1 both give them. */
const KNOWN_ANSWER = "6f8b991213c40c5af716076d34e791dfc7da35dc79aa348c0a4b7d5e281c5769";

/**
 * Hashes, multiplies, adds, pairs and parses on fixed input and compares all that comes out, byte for byte, with the
 * known answer. Run once when a backend loads; takes a tenth of a second with mcl, two to four with noble.
 *
 * @throws SelfTestError when one byte differs.
 */
export function selfTest<P, Q, T>(group: PairingGroup<P, Q, T>): void {
  const answer = selfTestAnswer(group);
  if (answer !== KNOWN_ANSWER) {
    throw new SelfTestError(`the ${group.name} backend answers ${answer}, the known answer is ${KNOWN_ANSWER}`);
  }
}

/** The digest that {@link selfTest} compares. */
export function selfTestAnswer<P, Q, T>(group: PairingGroup<P, Q, T>): string {
  const point = group.hashToG1(encodeUtf8("self-test"), DOMAIN);
  const multiple = group.multiplyG1(point, SCALAR);
  const negative = group.negateG1(group.fixedBaseG1(group.g1, "small")(SCALAR));
  const twisted = group.multiplyG2(group.g2, SCALAR);
  const paired = group.pairingProduct([
    [group.addG1(multiple, negative), twisted],
    [point, group.g2],
  ]);

  const digest = sha256.create();
  for (const encoded of [point, multiple, negative].map((p) => group.g1ToBytes(p))) {
    digest.update(encoded).update(group.g1ToBytes(group.g1FromBytes(encoded)));
  }
  const encodedTwisted = group.g2ToBytes(twisted);
  digest.update(encodedTwisted).update(group.g2ToBytes(group.g2FromBytes(encodedTwisted)));
  digest.update(group.g1ToBytes(group.sumG1FromBytes([group.g1ToBytes(point), group.g1ToBytes(multiple)])));
  const encodedPaired = group.gtToBytes(paired);
  digest.update(encodedPaired).update(group.gtToBytes(group.gtFromBytes(encodedPaired)));
  return toHex(digest.digest());
}
