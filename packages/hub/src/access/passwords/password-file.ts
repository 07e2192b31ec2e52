import { randomBytes } from "node:crypto";
import { chmod, chown, open, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A password file that cannot be read, with the line that is wrong. */
export class PasswordFileError extends Error {
  override readonly name = "PasswordFileError";
}

/** Names that may stand in a password file: anything but what ends the name or the line. */
export function isUserName(text: string): boolean {
  return text !== "" && !/[:\r\n\0]/.test(text) && !text.startsWith("#");
}

/**
 * Users and their secrets: a line `user:secret` each, as mosquitto's. Empty lines and those that begin with `#` are
 * left alone.
 *
 * @throws PasswordFileError
 */
export function parsePasswordFile(text: string, path: string): Map<string, string> {
  const secretByUser = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const place = `${path}:${index + 1}`;
    const colon = line.indexOf(":");
    if (colon < 1) throw new PasswordFileError(`${place}: not a line of the form user:hash`);
    const user = line.slice(0, colon);
    if (secretByUser.has(user)) throw new PasswordFileError(`${place}: the user ${user} stands there twice`);
    secretByUser.set(user, line.slice(colon + 1).trim());
  });
  return secretByUser;
}

/** The text of a file with the secret of `user` put in, changed, or, when it is undefined, taken out. */
export function withSecret(text: string, user: string, secret: string | undefined): string {
  const lines = text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
  const at = lines.findIndex((line) => line.startsWith(`${user}:`));
  if (secret === undefined) {
    if (at >= 0) lines.splice(at, 1);
  } else lines.splice(at < 0 ? lines.length : at, at < 0 ? 0 : 1, `${user}:${secret}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Readable by its owner alone. */
const PRIVATE_MODE = 0o600;

/**
 * Puts `text` in the place of a file at once, so that nobody ever reads half of it. A new file is its owner's alone; an
 * old one keeps its owner, and who may read it but for strangers.
 */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  const temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", PRIVATE_MODE);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (before !== undefined) {
      // Only root may give a file away; anyone else owns what they write, or may not replace it.
      if (process.getuid?.() === 0) await chown(temporary, before.uid, before.gid);
      await chmod(temporary, (before.mode & 0o770) | PRIVATE_MODE);
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
