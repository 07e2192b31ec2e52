/** Something to be told at the end of the turn, once, however much happened in it. */
export interface Notifiable {
  notify(): void;
}

/** Tells each at the end of the event loop's turn: a burst of messages costs one notification an observer. */
export class TurnEnd {
  #waiting = new Set<Notifiable>();

  schedule(notifiable: Notifiable): void {
    if (this.#waiting.size === 0) setImmediate(() => this.#tell());
    this.#waiting.add(notifiable);
  }

  #tell(): void {
    const due = this.#waiting;
    this.#waiting = new Set();
    for (const notifiable of due) notifiable.notify();
  }
}
