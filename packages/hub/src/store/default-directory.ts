import { homedir } from "node:os";
import path from "node:path";

/**
 * Where a hub keeps its data when nobody has said where: `$XDG_STATE_HOME/isthmus`, or `~/.local/state/isthmus`. On
 * Windows below `%LOCALAPPDATA%`.
 *
 * @param environment the variables of the process
 */
export function defaultDataDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME: stateHome, LOCALAPPDATA: localData } = environment;
  if (process.platform === "win32" && localData !== undefined) return path.join(localData, "isthmus");
  // A relative path is to be ignored, says the XDG Base Directory Specification.
  if (stateHome !== undefined && path.isAbsolute(stateHome)) return path.join(stateHome, "isthmus");
  return path.join(homedir(), ".local", "state", "isthmus");
}
