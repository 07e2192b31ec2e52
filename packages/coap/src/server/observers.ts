import { equalBytes, toHex } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { NO_BYTES } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";
import type { IncomingRequest, Response } from "../endpoint/incoming.js";
import { type Observation, type ObservationEnd, Subject, type SubjectListener } from "../endpoint/subject.js";

/** What {@link Observers} needs to know of the resource. */
export interface ObservedResource {
  now(): Instant;
  /** The current state as `request` asked for it, in the Content-Format that it got first; errors come as responses. */
  represent(request: IncomingRequest, contentFormat: number | undefined): Response | Promise<Response>;
  /** Whether a state that is the same as before is not told. */
  readonly onlyNotifiesChanges: boolean;
  /** The last observer left. */
  handleUnobserved(): void;
}

/** Observers whose requests ask for the same: one representation serves them all. */
interface Variant {
  readonly key: string;
  /** RFC 7641 4.2: all notifications have the Content-Format of the first response. */
  readonly contentFormat: number | undefined;
  readonly members: Set<Observation>;
  /** What its members were told last, where equal states are not told again. */
  latest: Response | undefined;
  /** Counts notifications: of two that take their time, an older result must not come after a newer. */
  round: number;
}

/** Those who observe one path, told together what they asked for alike. */
export class Observers implements SubjectListener {
  readonly #resource: ObservedResource;
  readonly #subject = new Subject(this);
  readonly #variantByKey = new Map<string, Variant>();
  readonly #variantByObservation = new Map<Observation, Variant>();
  #changeCount = 0;
  /** Registrations whose first response is being made. */
  #applicants = 0;

  constructor(resource: ObservedResource) {
    this.#resource = resource;
  }

  get count(): number {
    return this.#variantByObservation.size;
  }

  /** Counts the notifications so far: who read the state before it grew has read an old one. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Somebody asks to observe: what changes from now on is counted. {@link register} or {@link refuse} follows. */
  apply(): void {
    this.#applicants++;
  }

  /** The applicant does not become an observer. */
  refuse(): void {
    this.#applicants--;
    this.#leaveIfUnobserved();
  }

  /** Enters the applicant, who is then answered with `response`. */
  register(now: Instant, request: IncomingRequest, response: Response): Observation | undefined {
    const observation = request.observe(now, this.#subject);
    if (observation === undefined) {
      this.refuse();
      return undefined;
    }
    this.#applicants--;
    const contentFormat = response.options?.uint(Option.CONTENT_FORMAT);
    const key = `${variantKey(request)} ${contentFormat}`;
    const variant = this.#variantByKey.get(key) ?? newVariant(key, contentFormat);
    if (this.#resource.onlyNotifiesChanges) variant.latest = response;
    this.#variantByKey.set(key, variant);
    variant.members.add(observation);
    this.#variantByObservation.set(observation, variant);
    return observation;
  }

  /** Tells all of them the state, or what `represent` makes of their request. */
  notify(represent = this.#resource.represent.bind(this.#resource)): void {
    this.#changeCount++;
    const responseByVariant = new Map<Variant, Response | undefined>();
    this.#subject.notify(this.#resource.now(), (observation) => {
      const variant = this.#variantByObservation.get(observation);
      if (variant === undefined) return undefined;
      if (!responseByVariant.has(variant))
        responseByVariant.set(variant, this.#represent(variant, observation, represent));
      return responseByVariant.get(variant);
    });
  }

  /** Tells one of them the state. */
  notifyOne(observation: Observation): void {
    const contentFormat = this.#variantByObservation.get(observation)?.contentFormat;
    void this.#notifyLater([observation], () => true, this.#resource.represent(observation.request, contentFormat));
  }

  /** Tells them that it is over, with an error as "4.04". */
  end(response: Response): void {
    this.#subject.end(this.#resource.now(), response);
  }

  handleObservationEnd(_now: Instant, observation: Observation, _reason: ObservationEnd): void {
    const variant = this.#variantByObservation.get(observation);
    if (variant === undefined) return;
    this.#variantByObservation.delete(observation);
    variant.members.delete(observation);
    if (variant.members.size === 0) this.#variantByKey.delete(variant.key);
    this.#leaveIfUnobserved();
  }

  #leaveIfUnobserved(): void {
    if (this.count === 0 && this.#applicants === 0) this.#resource.handleUnobserved();
  }

  /** The response for a variant, or undefined when it takes time: its members are then told when it is there. */
  #represent(
    variant: Variant,
    observation: Observation,
    represent: ObservedResource["represent"],
  ): Response | undefined {
    const round = ++variant.round;
    const response = represent(observation.request, variant.contentFormat);
    if (!(response instanceof Promise)) return this.#isNews(variant, response) ? response : undefined;
    const settled = response.then((late) => (this.#isNews(variant, late) ? late : undefined));
    void this.#notifyLater(variant.members, () => variant.round === round, settled);
    return undefined;
  }

  #isNews(variant: Variant, response: Response): boolean {
    if (!this.#resource.onlyNotifiesChanges) return true;
    const before = variant.latest;
    variant.latest = response;
    return before === undefined || !isSameState(before, response);
  }

  async #notifyLater(
    members: Iterable<Observation>,
    isLatest: () => boolean,
    promised: Response | Promise<Response | undefined>,
  ): Promise<void> {
    const response = await promised;
    if (response === undefined || !isLatest()) return;
    for (const observation of members) observation.notify(this.#resource.now(), response);
  }
}

function newVariant(key: string, contentFormat: number | undefined): Variant {
  return { key, contentFormat, members: new Set(), latest: undefined, round: 0 };
}

function isSameState(a: Response, b: Response): boolean {
  return a.code === b.code && equalBytes(a.payload ?? NO_BYTES, b.payload ?? NO_BYTES);
}

/** Requests of the same key get the same representation: what RFC 7252 5.4.6 calls the cache key, of one path. */
function variantKey({ code, options, payload }: IncomingRequest): string {
  const parts = [...options]
    .filter(([number]) => number === Option.ACCEPT || number === Option.URI_QUERY || number === Option.ETAG)
    .map(([number, value]) => `${number}:${toHex(value)}`);
  return [code, ...parts, ...(payload.length > 0 ? [toHex(payload)] : [])].join(" ");
}
