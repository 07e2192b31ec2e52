import type { Instant } from "@isthmus/machine";
import type { Peer } from "./endpoint.js";
import { binaryText } from "./operation-key.js";
import type { ServerObservation } from "./server-observation.js";
import type { ObservationEnd } from "./subject.js";

/** Those who observe, by peer and token (RFC 7641 4.1). */
export class ObserverTable<P extends Peer> {
  readonly #maxObservers: number;
  readonly #observationByToken = new Map<number, Map<string, ServerObservation<P>>>();
  #size = 0;

  constructor(maxObservers: number) {
    this.#maxObservers = maxObservers;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= this.#maxObservers;
  }

  find(peer: P, token: Uint8Array): ServerObservation<P> | undefined {
    return this.#observationByToken.get(peer.id)?.get(binaryText(token));
  }

  /** The observation of `peer` that sent a notification with this message id. */
  findByMessageId(peer: P, messageId: number): ServerObservation<P> | undefined {
    for (const observation of this.#observationByToken.get(peer.id)?.values() ?? []) {
      if (observation.hasSent(messageId)) return observation;
    }
    return undefined;
  }

  /** Enters an observation whose peer and token have none. */
  add(observation: ServerObservation<P>): void {
    const { peer, token } = observation.request;
    let ofPeer = this.#observationByToken.get(peer.id);
    if (ofPeer === undefined) {
      ofPeer = new Map<string, ServerObservation<P>>();
      this.#observationByToken.set(peer.id, ofPeer);
    }
    ofPeer.set(binaryText(token), observation);
    this.#size++;
  }

  delete(observation: ServerObservation<P>): void {
    const { peer, token } = observation.request;
    const ofPeer = this.#observationByToken.get(peer.id);
    if (!ofPeer?.delete(binaryText(token))) return;
    this.#size--;
    if (ofPeer.size === 0) this.#observationByToken.delete(peer.id);
  }

  /** Ends all observations. */
  finishAll(now: Instant, reason: ObservationEnd): void {
    const all = [...this.#observationByToken.values()].flatMap((ofPeer) => [...ofPeer.values()]);
    for (const observation of all) observation.finish(now, reason);
  }
}
