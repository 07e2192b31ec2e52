import { once } from "node:events";
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";

/** A way to a broker that can be cut, and mended. */
export class Cut {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = true;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      if (!this.#isOpen) {
        near.destroy();
        return;
      }
      const far = connectSocket(target, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
      }
      near.pipe(far).pipe(near);
    });
  }

  /** @param port of the broker, on the loopback interface. */
  static async before(port: number): Promise<Cut> {
    const cut = new Cut(port);
    cut.#server.listen(0, "127.0.0.1");
    await once(cut.#server, "listening");
    return cut;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Breaks the connections that there are; new ones break at once until {@link mend}. */
  cut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
