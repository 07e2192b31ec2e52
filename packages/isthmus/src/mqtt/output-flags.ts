import { type FlagTable, type FlagValues, text, toggle } from "../flags.js";
import { makePrinter, type MessagePrinter } from "./message-format.js";

/** How messages are printed: the same for `sub` and `rr`. */
export const OUTPUT_FLAGS = {
  isVerbose: toggle("-v --verbose", "print the topic before the payload"),
  format: text("-F", "FORMAT", "print each message in this format: see below"),
  hasNoEndOfLine: toggle("-N", "end no line behind a message"),
  isPretty: toggle("--pretty", "print the JSON of %j and %J on several lines"),
} as const satisfies FlagTable;

/** The printer that the flags ask for. @throws UsageError when -F is no format. */
export function plannedPrinter(
  { format, isVerbose, hasNoEndOfLine, isPretty }: FlagValues<typeof OUTPUT_FLAGS>,
  reportError: (message: string) => void,
): MessagePrinter {
  return makePrinter({ format, isVerbose, hasEndOfLine: !hasNoEndOfLine, isPretty, reportError });
}

/** The help on -F. */
export const FORMAT_HELP = `
Formats (-F):
  %t topic         %p payload          %x %X payload in hexadecimal   %l its length
  %q QoS           %r retained, 0 or 1 %m packet identifier           %% a percent sign
  %I time, as 2016-08-10T09:47:38+0100
  %U seconds since 1970, with nine decimals
  %j JSON of the message, the payload as a string
  %J JSON of the message, the payload as JSON
  of MQTT 5.0: %A topic alias, %C content type, %D correlation data, %E message expiry interval,
    %F payload format indicator, %P user properties, %R response topic, %S subscription identifier
  A number behind the % is the least width: with - in front aligned left, with 0 padded with zeros.
    A number behind a point is the greatest width of %t, %C, %I and %R: %-20t, %010l, %.8t
  @ and a letter is a conversion of strftime(3), such as @H:@M:@S; @N nanoseconds; @@ an at sign
  \\\\ \\0 \\a \\e \\n \\r \\t \\v as in C
`;
