import type { Exchange, Message } from "@isthmus/exchange";
import type { Logger } from "pino";
import type { Access } from "./access/access.js";
import type { Clock } from "./clock.js";
import type { HookRunner } from "./hooks/hook-runner.js";
import type { FlushScheduler } from "./flush-scheduler.js";
import type { Metrics } from "./metrics.js";

/** What the doors and parts of a hub share. */
export interface HubContext {
  readonly exchange: Exchange;
  readonly access: Access;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Ends the turn's batch: nobody is told what is not safe. */
  readonly flushScheduler: FlushScheduler;
  /** What the embedding program has to say; undefined when it has nothing to. */
  readonly hooks?: HookRunner | undefined;
  /** What new subscriptions get beside retained messages. */
  readonly replays?: readonly ReplaySource[];
}

/** Topics of which subscribers get what there was, and nothing that is to come. */
export interface ReplaySource {
  /** What all of them begin with, as `$history/`. */
  readonly prefix: string;
  /** @param filter what follows on the prefix; who subscribes must be allowed to subscribe to that. */
  replay(filter: string): Iterator<Message>;
}

/** Something that runs beside the doors as long as the hub does: status topics, a bridge, a mirror of devices. */
export interface HubPart {
  /** Starts it. The hub's doors are open by then. */
  open(): Promise<void>;
  /** Ends it and waits for what it started. Called once, also after {@link open} has failed. */
  close(): Promise<void>;
}
