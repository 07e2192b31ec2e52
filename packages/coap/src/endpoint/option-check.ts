import { Option, optionDefinition, optionName } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";

/** Critical options of a request that this endpoint or the upper layer acts on. */
const requestOptions = [
  Option.IF_MATCH,
  Option.URI_HOST,
  Option.IF_NONE_MATCH,
  Option.URI_PORT,
  Option.URI_PATH,
  Option.URI_QUERY,
  Option.ACCEPT,
  Option.BLOCK2,
  Option.BLOCK1,
  Option.PROXY_URI,
  Option.PROXY_SCHEME,
];
/** Critical options of a response that the client side acts on. */
const responseOptions = [Option.BLOCK2, Option.BLOCK1];

/** All of the standard options of requests but Echo, No-Response and Request-Tag, which are elective. */
const COMMON_NUMBERS = 64;

/** Which critical options are understood, and what to say of a message that has another (RFC 7252 5.4.1). */
export class OptionCheck {
  readonly #recognized: ReadonlySet<number>;
  /** The same for the numbers that most options have, by number: quicker to ask. */
  readonly #isRecognized: readonly boolean[];

  /** For requests, with those that the upper layer understands beyond the standard ones. */
  static forRequests(additional: readonly number[] = []): OptionCheck {
    return new OptionCheck([...requestOptions, ...additional]);
  }

  static forResponses(additional: readonly number[] = []): OptionCheck {
    return new OptionCheck([...responseOptions, ...additional]);
  }

  private constructor(recognized: readonly number[]) {
    this.#recognized = new Set(recognized);
    this.#isRecognized = Array.from({ length: COMMON_NUMBERS }, (_, number) => this.#recognized.has(number));
  }

  /** What is wrong with the first critical option that must be refused, as a diagnostic; undefined when all is well. */
  findFault(options: Options): string | undefined {
    let previous = -1;
    for (let i = 0; i < options.count; i++) {
      const number = options.numberAt(i);
      if ((number & 1) === 1) {
        const isKnown = number < COMMON_NUMBERS ? this.#isRecognized[number] : this.#recognized.has(number);
        if (!isKnown) return `${optionName(number)} is not understood`;
        const fault = findValueFault(number, options.endAt(i) - options.startAt(i), number === previous);
        if (fault !== undefined) return fault;
      }
      previous = number;
    }
    return undefined;
  }

  /** `options` without the elective ones whose length is not allowed: they are ignored (RFC 7252 5.4.1, 5.4.3). */
  withoutMalformed(options: Options): Options {
    for (let i = 0; i < options.count; i++) {
      if (hasWrongLength(options.numberAt(i), options.endAt(i) - options.startAt(i))) {
        return options.filter((number, value) => !hasWrongLength(number, value.length));
      }
    }
    return options;
  }
}

function findValueFault(number: number, length: number, isRepeated: boolean): string | undefined {
  const definition = optionDefinition(number);
  if (definition === undefined) return undefined;
  // RFC 7252 5.4.3: a length outside the range makes the option unrecognized; 5.4.5: so does a repetition.
  if (length < definition.minLength || length > definition.maxLength) {
    return `${definition.name} of ${length} bytes is not understood`;
  }
  return isRepeated && !definition.isRepeatable ? `${definition.name} is repeated` : undefined;
}

function hasWrongLength(number: number, length: number): boolean {
  const definition = optionDefinition(number);
  return definition !== undefined && (length < definition.minLength || length > definition.maxLength);
}
