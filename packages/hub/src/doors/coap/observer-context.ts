import type { Instant } from "@isthmus/machine";
import type { HubContext } from "../../hub-context.js";
import type { TopicSpace } from "../requests/topic-space.js";
import type { CoapDoorOptions } from "./coap-options.js";
import type { TurnEnd } from "../requests/turn-end.js";

/** What those who tell observers share. */
export interface ObserverContext {
  readonly hub: HubContext;
  readonly topics: TopicSpace;
  readonly turnEnd: TurnEnd;
  readonly options: CoapDoorOptions;
  /** The clock of the transports. */
  readonly now: () => Instant;
}
