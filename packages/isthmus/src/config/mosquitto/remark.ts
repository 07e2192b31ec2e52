/** Something of a mosquitto.conf that has no counterpart, or not quite the same. */
export interface Remark {
  /** Where it stands: `mosquitto.conf:12`. */
  readonly place: string;
  /** The line as it stands there. */
  readonly text: string;
  readonly reason: string;
}
