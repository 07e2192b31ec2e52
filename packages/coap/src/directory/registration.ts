import type { Instant, Scheduled } from "@isthmus/machine";
import { type Link, linkAttribute } from "../media/link-format.js";
import { resolveUriReference } from "../media/uri-reference.js";
import type { RegistrationParameters, UpdateParameters } from "./registration-parameters.js";

/** Who registered, and from where. */
export interface Registrant {
  /**
   * The scheme, address and port that it came from, as a URI: the base where none is said. Undefined when nobody can ask
   * there, as behind a connection that the registrant opened.
   */
  readonly source: string | undefined;
  /** Its address alone, to know it again by. */
  readonly address: string;
  /** The link that it is on, when its address is link-local. */
  readonly zone?: string;
}

/** All that makes a registration, to be kept and {@link ResourceDirectory.restore restored}. */
export interface RegistrationRecord {
  readonly id: string;
  readonly parameters: RegistrationParameters;
  readonly registrant: Registrant;
  readonly links: readonly Link[];
  /** Whether an update may bring it back after it expired. */
  readonly isRetained: boolean;
}

/** Seconds that a registration lives when nothing is said (RFC 9176 5). */
export const DEFAULT_LIFETIME_S = 90_000;

/** An endpoint in the directory, and the links that it registered. */
export class Registration {
  /** The last segment of its location. */
  readonly id: string;
  readonly ep: string;
  readonly d: string | undefined;
  registrant: Registrant;
  lifetimeS = DEFAULT_LIFETIME_S;
  expiresAt: Instant = 0;
  /** Whether its lifetime is over: lookups do not show it. */
  isExpired = false;
  /** Whether it is kept for a while after that. */
  isRetained = true;
  /** For the directory: its place in the queue of deadlines. */
  timer: Scheduled<Registration> | undefined;
  readonly #location: string;
  #base: string;
  /** Whether the base was said; where it was not, it follows the source of updates. */
  #isBaseExplicit = false;
  #attributes = new Map<string, readonly string[]>();
  #links: readonly Link[] = [];
  #resolved: readonly Link[] | undefined;

  constructor(id: string, location: string, parameters: RegistrationParameters, registrant: Registrant) {
    this.id = id;
    this.ep = parameters.ep;
    this.d = parameters.d;
    this.registrant = registrant;
    this.#location = location;
    this.#base = parameters.base ?? registrant.source ?? "";
  }

  /** What it can be restored from. */
  get record(): RegistrationRecord {
    const { id, ep, d, registrant, isRetained } = this;
    const base = this.#isBaseExplicit ? this.#base : undefined;
    const attributes = [...this.#attributes].flatMap(([name, values]) => values.map((value) => [name, value] as const));
    return {
      id,
      parameters: { ep, d, lt: this.lifetimeS, base, attributes },
      registrant,
      links: this.#links,
      isRetained,
    };
  }

  /** The URI that its links are relative to. */
  get base(): string {
    return this.#base;
  }

  /** Its links as they were registered. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Whether its links mean something on the link that it is on alone (RFC 9176 6.1). */
  get isLinkLocal(): boolean {
    return /^[^:]+:\/\/(\[fe[89ab][0-9a-f]:|169\.254\.)/i.test(this.#base);
  }

  /** Takes parameters and links in place of all that was registered before (RFC 9176 5). */
  replace(parameters: RegistrationParameters, registrant: Registrant, links: readonly Link[]): void {
    this.registrant = registrant;
    this.lifetimeS = parameters.lt ?? DEFAULT_LIFETIME_S;
    this.#isBaseExplicit = parameters.base !== undefined;
    this.#base = parameters.base ?? registrant.source ?? "";
    this.#attributes = new Map();
    this.#addAttributes(parameters);
    this.#links = links;
    this.#resolved = undefined;
  }

  /** Changes what an update names (RFC 9176 5.3.1). @returns whether a lookup would tell the difference. */
  update(parameters: UpdateParameters, registrant: Registrant): boolean {
    const before = this.#base;
    this.lifetimeS = parameters.lt ?? this.lifetimeS;
    this.registrant = registrant;
    if (parameters.base !== undefined) {
      this.#isBaseExplicit = true;
      this.#base = parameters.base;
    } else if (!this.#isBaseExplicit) {
      this.#base = registrant.source ?? this.#base;
    }
    this.#addAttributes(parameters);
    this.#resolved = undefined;
    return this.#base !== before || parameters.attributes.length > 0;
  }

  /** The links that a resource lookup shows: target and anchor resolved, the rest as it was registered (RFC 9176 6.1). */
  get resolvedLinks(): readonly Link[] {
    this.#resolved ??= this.#links.map((item) => ({
      target: resolveUriReference(this.#base, item.target),
      attributes: item.attributes.map(([name, value]) =>
        name === "anchor" && value !== undefined ? [name, resolveUriReference(this.#base, value)] : [name, value],
      ),
    }));
    return this.#resolved;
  }

  /** The link that an endpoint lookup shows (RFC 9176 6.4). */
  get endpointLink(): Link {
    const attributes: [string, string][] = [["base", this.#base], ["ep", this.ep]]; // prettier-ignore
    if (this.d !== undefined) attributes.push(["d", this.d]);
    for (const [name, values] of this.#attributes) {
      for (const value of values) attributes.push([name, value]);
    }
    return { target: this.#location, attributes: [...attributes, ["rt", "core.rd-ep"]] };
  }

  /** The first value of an attribute that it was registered with, as `et`. */
  attribute(name: string): string | undefined {
    return linkAttribute(this.endpointLink, name);
  }

  /** RFC 9176 5.3.1: what is named again takes the place of what was. */
  #addAttributes({ attributes }: UpdateParameters): void {
    const valuesByName = new Map<string, string[]>();
    for (const [name, value] of attributes) valuesByName.set(name, [...(valuesByName.get(name) ?? []), value]);
    for (const [name, values] of valuesByName) this.#attributes.set(name, values);
  }
}
