import { RequestRefusedError } from "../../requests/request-refusal.js";
import { DATA_TYPE, type TopicParameters } from "./topic-configuration.js";

/** One topic of the collection: its configuration, and the topic of the hub that it stands for. */
export class PubsubTopic {
  readonly id: string;
  /** Its name is that of a topic of the hub. */
  readonly name: string;
  #parameters: TopicParameters;

  /** @throws RequestRefusedError malformed when a parameter is missing, or has a value that cannot be. */
  constructor(id: string, dataPath: string, parameters: TopicParameters) {
    this.id = id;
    const name = parameters.get("topic-name");
    // Draft 2.4.3: both are mandatory.
    if (typeof name !== "string" || !parameters.has("resource-type")) {
      throw new RequestRefusedError("malformed", "a topic needs a topic-name and a resource-type");
    }
    if (parameters.get("resource-type") !== DATA_TYPE) {
      throw new RequestRefusedError("malformed", `resource-type is ${DATA_TYPE}`);
    }
    if (parameters.has("topic-data")) throw new RequestRefusedError("malformed", "the broker chooses topic-data");
    checkValues(parameters);
    this.name = name;
    this.#parameters = new Map([...parameters, ["topic-data", dataPath]]);
  }

  get parameters(): TopicParameters {
    return this.#parameters;
  }

  /** Replaces the configuration by one that was checked to leave alone what is fixed. @throws RequestRefusedError */
  configure(parameters: TopicParameters): void {
    checkValues(parameters);
    this.#parameters = parameters;
  }

  get contentFormat(): number | undefined {
    return this.#number("topic-content-format");
  }

  get maxSubscribers(): number {
    return this.#number("max-subscribers") ?? Number.POSITIVE_INFINITY;
  }

  /** At least so often a notification asks for an acknowledgement. */
  get observerCheckMs(): number {
    return (this.#number("observer-check") ?? DAY_S) * 1000;
  }

  /** Whether it can be observed before anything is published to it. */
  get isInitialized(): boolean {
    return this.#parameters.get("initialize") === true;
  }

  /** Milliseconds since 1970; Infinity when it does not expire. */
  get expiresAt(): number {
    const date = this.#parameters.get("expiration-date");
    return typeof date === "string" ? Date.parse(date) : Number.POSITIVE_INFINITY;
  }

  #number(name: "topic-content-format" | "max-subscribers" | "observer-check"): number | undefined {
    const value = this.#parameters.get(name);
    return typeof value === "number" ? value : undefined;
  }
}

/** RFC 7641 4.5. */
const DAY_S = 86_400;

function checkValues(parameters: TopicParameters): void {
  const date = parameters.get("expiration-date");
  if (typeof date === "string" && Number.isNaN(Date.parse(date))) {
    throw new RequestRefusedError("malformed", `expiration-date is a date, not "${date}"`);
  }
  const history = parameters.get("topic-history") ?? 0;
  // What there was is kept by the hub's own settings, for each filter: a topic cannot ask for it.
  if (history !== 0) throw new RequestRefusedError("malformed", "topic-history is not kept for single topics here");
}
