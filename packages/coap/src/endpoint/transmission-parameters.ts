/** How messages are timed: the parameters of RFC 7252 4.8, in its words, in milliseconds. */
export interface TransmissionParameters {
  /** ACK_TIMEOUT: least wait for an acknowledgement before the first retransmission. Default 2,000. */
  readonly ackTimeoutMs: number;
  /** ACK_RANDOM_FACTOR: the wait is drawn between ACK_TIMEOUT and this many times it. Default 1.5. */
  readonly ackRandomFactor: number;
  /** MAX_RETRANSMIT: how often a Confirmable message is sent again. Default 4. */
  readonly maxRetransmit: number;
  /** NSTART: interactions that may be outstanding with one peer; more wait. Default 1. */
  readonly nstart: number;
  /** DEFAULT_LEISURE: answers to multicast requests are spread over this time. Default 5,000. */
  readonly leisureMs: number;
  /** PROBING_RATE: bytes per second sent to a peer that does not answer. Default 1. */
  readonly probingRateBytesPerSecond: number;
  /** MAX_LATENCY: most time that a datagram is expected to take. Default 100,000. */
  readonly maxLatencyMs: number;
  /** PROCESSING_DELAY: most time that a peer takes to acknowledge. Default: ACK_TIMEOUT. */
  readonly processingDelayMs: number;
}

export const defaultTransmissionParameters: TransmissionParameters = {
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  nstart: 1,
  leisureMs: 5_000,
  probingRateBytesPerSecond: 1,
  maxLatencyMs: 100_000,
  processingDelayMs: 2_000,
};

/** What follows from the parameters (RFC 7252 4.8.2). */
export interface TransmissionTimes {
  /** MAX_TRANSMIT_SPAN: from the first to the last transmission of a message. */
  readonly maxTransmitSpanMs: number;
  /** MAX_TRANSMIT_WAIT: from the first transmission to giving up. */
  readonly maxTransmitWaitMs: number;
  /** EXCHANGE_LIFETIME: how long the message id of a Confirmable message may not be used again. */
  readonly exchangeLifetimeMs: number;
  /** NON_LIFETIME: the same for a Non-confirmable message. */
  readonly nonLifetimeMs: number;
}

/** @throws RangeError for parameters that make no sense together, each named. */
export function transmissionTimes(parameters: TransmissionParameters): TransmissionTimes {
  checkParameters(parameters);
  const { ackTimeoutMs, ackRandomFactor, maxRetransmit, maxLatencyMs, processingDelayMs } = parameters;
  const longestTimeoutMs = ackTimeoutMs * ackRandomFactor;
  const maxTransmitSpanMs = longestTimeoutMs * (2 ** maxRetransmit - 1);
  return {
    maxTransmitSpanMs,
    maxTransmitWaitMs: longestTimeoutMs * (2 ** (maxRetransmit + 1) - 1),
    exchangeLifetimeMs: maxTransmitSpanMs + 2 * maxLatencyMs + processingDelayMs,
    nonLifetimeMs: maxTransmitSpanMs + maxLatencyMs,
  };
}

function checkParameters(parameters: TransmissionParameters): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (!Number.isFinite(value) || value < 0) throw new RangeError(`${name} is ${value}`);
  }
  if (parameters.ackRandomFactor < 1) throw new RangeError(`ackRandomFactor is ${parameters.ackRandomFactor}`);
  if (!Number.isInteger(parameters.nstart) || parameters.nstart < 1) {
    throw new RangeError(`nstart is ${parameters.nstart}`);
  }
  if (!Number.isInteger(parameters.maxRetransmit) || parameters.maxRetransmit > 20) {
    throw new RangeError(`maxRetransmit is ${parameters.maxRetransmit}`);
  }
}
