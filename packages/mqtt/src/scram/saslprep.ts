// SASLprep (RFC 4013), a profile of stringprep (RFC 3454), for user names and passwords: two people who type the same
// text on different keyboards get the same bytes. The tables are written as Unicode properties where these say the same.

/** Commonly mapped to nothing: table B.1. */
const MAPPED_TO_NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;
/** Spaces that are mapped to the ASCII one: table C.1.2. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** Tables C.2.1 to C.9: controls, private use, what is no character, surrogates, what changes how text is shown. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;
/** Characters that are written from right to left: table D.1, by the scripts that it lists. */
const RIGHT_TO_LEFT = /[\u05be\u05c0\u05c3\u061b\u061f\u0640]|(?=\p{L})[\p{sc=Hebr}\p{sc=Arab}\p{sc=Syrc}\p{sc=Thaa}]/u;

/**
 * The prepared form of a user name or password (RFC 4013 2).
 *
 * @throws RangeError for text that may not be in one: control characters, and others that nobody sees; both writing
 * directions at once; nothing at all.
 */
export function saslprep(text: string): string {
  // RFC 4013 2.1, 2.2
  const prepared = text.replaceAll(OTHER_SPACES, " ").replaceAll(MAPPED_TO_NOTHING, "").normalize("NFKC");
  if (prepared === "") throw new RangeError("an empty user name or password");
  if (PROHIBITED.test(prepared)) throw new RangeError("a user name or password has a character that is prohibited");
  if (RIGHT_TO_LEFT.test(prepared)) checkBidirectional(prepared);
  return prepared;
}

/** RFC 3454 6: text from right to left begins and ends so, and holds no letter of the other direction. */
function checkBidirectional(text: string): void {
  const characters = Array.from(text);
  const isMixed = characters.some((character) => /\p{L}/u.test(character) && !RIGHT_TO_LEFT.test(character));
  const isFramed = RIGHT_TO_LEFT.test(characters[0] ?? "") && RIGHT_TO_LEFT.test(characters.at(-1) ?? "");
  if (isMixed || !isFramed) throw new RangeError("a user name or password mixes writing directions");
}
