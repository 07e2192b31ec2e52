/** The time, read once for each event: looking at the clock for each message would cost more than the message. */
export class Clock {
  /** Milliseconds on the monotonic clock, for deadlines. */
  monotonic = performance.now();
  /** Milliseconds since 1970, for what is stored and for message expiry. */
  epoch = Date.now();

  /** Reads the clocks. Whoever handles a socket's or a timer's event calls it first. */
  tick(): this {
    this.monotonic = performance.now();
    this.epoch = Date.now();
    return this;
  }
}
