/** When and how long a scenario is measured. */
export interface RunOptions {
  readonly warmupMs: number;
  readonly windowMs: number;
  /** Windows, one after the other under the same load. */
  readonly repeat: number;
  /** Process whose processor time and memory are read; undefined when the broker is not on this machine. */
  readonly brokerPid: number | undefined;
  /** Ends the run. */
  readonly signal: AbortSignal;
}
