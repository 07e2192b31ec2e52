import type { Authority } from "@isthmus/smqtt";
import { UsageError } from "../command.js";

/** The ids of devices that are named, by name or id. @throws UsageError for one that there is not. */
export function deviceIds({ devices }: Authority, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (devices.has(name)) return [name];
    const named = [...devices].filter(([, device]) => device.name === name && !device.isRevoked);
    if (named.length === 0) {
      const known = [...devices.values()].filter(({ isRevoked }) => !isRevoked).map((device) => device.name);
      throw new UsageError(
        `there is no device "${name}"`,
        `there are ${known.length === 0 ? "none yet" : known.join(", ")}`,
      );
    }
    return named.map(([id]) => id);
  });
}
