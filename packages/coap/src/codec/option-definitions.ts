/** How the value of an option reads (RFC 7252 3.2). */
export type OptionFormat = "empty" | "opaque" | "uint" | "string";

/** What the registry says of an option. */
export interface OptionDefinition {
  readonly number: number;
  readonly name: string;
  readonly format: OptionFormat;
  /** Least and most bytes of a value; one outside makes the option unrecognized (RFC 7252 5.4.3). */
  readonly minLength: number;
  readonly maxLength: number;
  readonly isRepeatable: boolean;
}

type Row = readonly [number: number, name: string, format: OptionFormat, min: number, max: number, repeatable?: "R"];

/** The registry of option numbers, one row an option. Critical, Unsafe and NoCacheKey follow from the number. */
const table = {
  IF_MATCH: [1, "If-Match", "opaque", 0, 8, "R"],
  URI_HOST: [3, "Uri-Host", "string", 1, 255],
  ETAG: [4, "ETag", "opaque", 1, 8, "R"],
  IF_NONE_MATCH: [5, "If-None-Match", "empty", 0, 0],
  OBSERVE: [6, "Observe", "uint", 0, 3], // RFC 7641
  URI_PORT: [7, "Uri-Port", "uint", 0, 2],
  LOCATION_PATH: [8, "Location-Path", "string", 0, 255, "R"],
  OSCORE: [9, "OSCORE", "opaque", 0, 255], // RFC 8613
  URI_PATH: [11, "Uri-Path", "string", 0, 255, "R"],
  CONTENT_FORMAT: [12, "Content-Format", "uint", 0, 2],
  MAX_AGE: [14, "Max-Age", "uint", 0, 4],
  URI_QUERY: [15, "Uri-Query", "string", 0, 255, "R"],
  HOP_LIMIT: [16, "Hop-Limit", "uint", 1, 1], // RFC 8768
  ACCEPT: [17, "Accept", "uint", 0, 2],
  Q_BLOCK1: [19, "Q-Block1", "uint", 0, 3], // RFC 9177
  LOCATION_QUERY: [20, "Location-Query", "string", 0, 255, "R"],
  EDHOC: [21, "EDHOC", "empty", 0, 0], // RFC 9668
  BLOCK2: [23, "Block2", "uint", 0, 3], // RFC 7959
  BLOCK1: [27, "Block1", "uint", 0, 3], // RFC 7959
  SIZE2: [28, "Size2", "uint", 0, 4], // RFC 7959
  Q_BLOCK2: [31, "Q-Block2", "uint", 0, 3, "R"], // RFC 9177
  PROXY_URI: [35, "Proxy-Uri", "string", 1, 1034],
  PROXY_SCHEME: [39, "Proxy-Scheme", "string", 1, 255],
  SIZE1: [60, "Size1", "uint", 0, 4],
  ECHO: [252, "Echo", "opaque", 1, 40], // RFC 9175
  NO_RESPONSE: [258, "No-Response", "uint", 0, 1], // RFC 7967
  REQUEST_TAG: [292, "Request-Tag", "opaque", 0, 8, "R"], // RFC 9175
} as const satisfies Record<string, Row>;

/** A key of {@link Option}, as `"URI_PATH"`. */
export type OptionKey = keyof typeof table;

/** The option numbers by key: `Option.URI_PATH` is 11. */
export const Option = Object.fromEntries(
  Object.entries(table).map(([key, [number]]) => [key, number]),
  // fromEntries forgets which key has which value; the table says so.
) as { readonly [K in OptionKey]: (typeof table)[K][0] };

/** All options that the registry knows, by ascending number. */
export const optionDefinitions: readonly OptionDefinition[] = Object.values<Row>(table).map(
  ([number, name, format, minLength, maxLength, repeatable]) => ({
    number,
    name,
    format,
    minLength,
    maxLength,
    isRepeatable: repeatable === "R",
  }),
);

// The highest number is 292: an array with holes is the fastest map there is.
const definitionByNumber: (OptionDefinition | undefined)[] = [];
for (const definition of optionDefinitions) definitionByNumber[definition.number] = definition;

/** What the registry says of option `number`, or undefined when it is not registered. */
export function optionDefinition(number: number): OptionDefinition | undefined {
  return number < definitionByNumber.length ? definitionByNumber[number] : undefined;
}

/** The registered name, or the number as text. */
export function optionName(number: number): string {
  return optionDefinition(number)?.name ?? String(number);
}

/** Whether a receiver that does not know the option must refuse the message (RFC 7252 5.4.1). */
export function isCriticalOption(number: number): boolean {
  return (number & 1) === 1;
}

/** Whether a proxy that does not know the option must not forward it (RFC 7252 5.4.2). */
export function isUnsafeOption(number: number): boolean {
  return (number & 2) === 2;
}

/** Whether a safe-to-forward option stays out of the cache key (RFC 7252 5.4.6: bits 1 to 4 are 11100). */
export function isNoCacheKeyOption(number: number): boolean {
  return (number & 0x1e) === 0x1c;
}
