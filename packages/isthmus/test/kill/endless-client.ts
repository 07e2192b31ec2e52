import { connect, Socket } from "node:net";
import { SeededRandom } from "@isthmus/machine";
import type { ProtocolVersion } from "@isthmus/mqtt/codec";
import { ReferenceClient } from "../../../mqtt/test/server-session-reference-client.js";

/** What a client has seen change. */
export type HandleProgress = () => void;

/** A client whose session goes on over any number of connections, each to another process of the hub. */
export class EndlessClient {
  readonly client: ReferenceClient;
  readonly #name: string;
  readonly #handleProgress: HandleProgress;
  /** The QoS of what it publishes, by turns; empty: it only subscribes. */
  readonly #qos: readonly (1 | 2)[];
  #socket = new Socket();
  #isFirst = true;
  #isPublishing = true;
  readonly #heard = new Set<string | undefined>();
  #countedDeliveries = 0;
  sentCount = 0;
  failure: Error | undefined;

  constructor(
    name: string,
    version: ProtocolVersion,
    seed: number,
    role: { readonly filter?: string; readonly qos?: readonly (1 | 2)[] },
    handleProgress: HandleProgress,
  ) {
    this.#name = name;
    this.#qos = role.qos ?? [];
    this.#handleProgress = handleProgress;
    this.client = new ReferenceClient(version, new SeededRandom(seed), name, role.filter);
  }

  /** Messages that were acknowledged to their end. */
  get acknowledgedCount(): number {
    return this.sentCount - this.client.outgoingCount;
  }

  /** Different messages that it was given. */
  get heardCount(): number {
    for (; this.#countedDeliveries < this.client.delivered.length; this.#countedDeliveries++) {
      this.#heard.add(this.client.delivered[this.#countedDeliveries]?.text);
    }
    return this.#heard.size;
  }

  /** Whether all that it has published is acknowledged to its end. */
  get isDone(): boolean {
    return this.client.outgoingCount === 0;
  }

  /** All that was acknowledged to its end: `name:qos:number`. */
  acknowledged(): string[] {
    const open = this.client.outgoingTexts;
    return this.sent().filter((text) => !open.has(text));
  }

  /** All that it has published. */
  sent(): string[] {
    return Array.from({ length: this.sentCount }, (_, i) => this.#text(i));
  }

  connect(port: number): void {
    this.#socket.destroy();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    this.client.connect(this.#isFirst);
    this.#isFirst = false;
    socket.write(this.client.takeTransmits());
    // The hub is killed: what a connection ends with says nothing.
    socket.on("error", () => {});
    socket.on("data", (bytes) => this.#receive(socket, bytes));
  }

  disconnect(): void {
    this.#socket.destroy();
    this.#socket = new Socket();
  }

  /** Publishes nothing new any more. */
  finish(): void {
    this.#isPublishing = false;
  }

  #receive(socket: Socket, bytes: Uint8Array): void {
    if (socket !== this.#socket || this.failure !== undefined) return;
    try {
      this.client.receive(bytes);
      this.client.answer(Number.POSITIVE_INFINITY);
      this.#publish();
    } catch (error) {
      this.failure = new Error(`${this.#name}: ${String(error)}`, { cause: error });
    }
    const transmits = this.client.takeTransmits();
    if (transmits.length > 0) socket.write(transmits);
    this.#handleProgress();
  }

  #publish(): void {
    while (this.#isPublishing && this.#qos.length > 0 && this.client.canPublish) {
      this.client.publish(this.#qosOf(this.sentCount), this.#text(this.sentCount));
      this.sentCount++;
    }
  }

  #qosOf(number: number): 1 | 2 {
    return this.#qos[number % this.#qos.length] ?? 1;
  }

  #text(number: number): string {
    return `${this.#name}:${this.#qosOf(number)}:${number}`;
  }
}
