/**
 * A connection that carries bytes in order: TCP, TLS, WebSocket or memory. Client and server drivers see only this.
 *
 * A transport calls its listener from a fresh turn or from an I/O callback, never from within one of its own methods.
 */
export interface Transport {
  /** Who is at the other end, for logs: `127.0.0.1:51234`, `ws 10.0.0.7:40000`, `in-process`. */
  readonly remoteAddress: string;
  /** Bytes accepted by {@link write} that have not left yet. */
  readonly bufferedBytes: number;
  /** Starts delivery. Called once. */
  open(listener: TransportListener): void;
  /**
   * Sends `bytes`, which must not be changed afterwards.
   *
   * @returns false when the transport is congested: {@link TransportListener.handleDrain} follows.
   */
  write(bytes: Uint8Array): boolean;
  /** Sends `parts` in order, in as few system calls as the transport can. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  /** Stops reading, so that the peer's sending window closes. */
  pause(): void;
  resume(): void;
  /** Sends what is buffered, then closes. */
  end(): void;
  /** Closes at once; what is buffered is lost. */
  destroy(): void;
}

export interface TransportListener {
  /** Bytes came in. The transport does not touch `bytes` again: views on them stay valid. */
  receiveBytes(bytes: Uint8Array): void;
  /** What made {@link Transport.write} return false has left. */
  handleDrain(): void;
  /** The connection is gone, with the error that ended it, if any. Called exactly once, also after `destroy()`. */
  handleClose(error: Error | undefined): void;
}
