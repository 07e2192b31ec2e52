/** A frame as it came over a link. */
export interface LinkFrame {
  /** With its check sequence. */
  readonly psdu: Uint8Array;
  /** Signal strength in dBm, if the link tells it. */
  readonly rssDbm: number | undefined;
  /** Link quality, 0 to 255, if the link tells it. */
  readonly lqi: number | undefined;
  readonly channel: number | undefined;
}

/**
 * The seam behind which frames come and go in real time: a socket to a dispatcher or a sniffer, a serial line, a file.
 * The MAC is on this side of it.
 */
export interface FrameLink {
  /** Is given each frame that comes in. */
  onFrame: ((frame: LinkFrame) => void) | undefined;
  /** Sends a frame, check sequence included. */
  send(psdu: Uint8Array): void;
  /** Ends the link; calling it again does nothing. */
  close(): Promise<void>;
}
