/** What the hub counts, since its start. Plain numbers: counting must cost nothing. */
export class Metrics {
  connectionsOpened = 0;
  connectionsOpen = 0;
  connectionsRefused = 0;
  sessions = 0;
  messagesReceived = 0;
  messagesSent = 0;
  /** Messages that did not reach a receiver, by reason. */
  readonly messagesDropped = {
    "queue-full": 0,
    "too-large": 0,
    expired: 0,
    "slow-receiver": 0,
    "refused-by-client": 0,
  };
  messagesRefused = 0;
  retainedRefused = 0;
  publishersPaused = 0;
}
