/** The text is not hexadecimal. */
export class HexSyntaxError extends SyntaxError {
  override readonly name = "HexSyntaxError";
}

/** Lower-case hexadecimal digits of `bytes`, `separator` between bytes. */
export function toHex(bytes: Uint8Array, separator = ""): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    if (i > 0) text += separator;
    // `i` is within bounds.
    text += (bytes[i] as number).toString(16).padStart(2, "0");
  }
  return text;
}

/**
 * The bytes that `text` spells. White space and colons between digits are skipped, so a dump can be pasted as it is.
 *
 * @throws HexSyntaxError for any other character or an odd number of digits.
 */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s:]/g, "");
  const stray = /[^0-9a-fA-F]/.exec(digits);
  if (stray) throw new HexSyntaxError(`"${stray[0]}" is not a hexadecimal digit`);
  if (digits.length % 2 !== 0) throw new HexSyntaxError(`${digits.length} hexadecimal digits do not make whole bytes`);
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
