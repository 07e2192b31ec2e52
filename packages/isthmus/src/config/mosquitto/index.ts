import { stringify } from "yaml";
import { convertConf } from "./convert-conf.js";
import { readConf } from "./read-conf.js";
import type { Remark } from "./remark.js";

/** A configuration that was made of a mosquitto.conf. */
export interface ImportedConf {
  /** YAML, with what has no counterpart as comments at its head. */
  readonly text: string;
  readonly remarks: readonly Remark[];
}

/**
 * Makes a configuration of a mosquitto.conf and the files that it includes.
 *
 * @throws UsageError when one of them cannot be read
 */
export function importConf(file: string): ImportedConf {
  const { config, remarks } = convertConf(readConf(file));
  const head = [
    `Made of ${file} by isthmus config import.`,
    "Check it with: isthmus config check",
    ...(remarks.length === 0 ? [] : ["", "Without a counterpart, or not quite the same:"]),
    ...remarks.map(({ place, text, reason }) => `  ${place}: ${text}: ${reason}`),
  ];
  const comments = head.map((line) => `# ${line}`.trimEnd()).join("\n");
  return { text: `${comments}\n\n${stringify(config, { lineWidth: 0 })}`, remarks };
}
