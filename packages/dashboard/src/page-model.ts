import { type ReadonlySignal, signal } from "@preact/signals";
import { type ConnectionState, type Credentials, HubConnection, type Publication } from "./model/hub-connection.js";
import { HubStatus } from "./model/hub-status.js";
import { Pacer } from "./model/pacer.js";
import type { ReceivedMessage } from "./model/topic-entry.js";
import { TopicTable } from "./model/topic-table.js";

export type View = "topics" | "devices" | "hub";

/** No more pictures than eyes follow. */
const SHOW_EVERY_MS = 100;
const SECOND_MS = 1000;
/** How long after connecting retained messages count as those that were there before. */
const SETTLING_MS = 1000;

/** All that the page knows and does; its parts show it. */
export class PageModel {
  readonly table = new TopicTable();
  readonly status = new HubStatus();
  readonly view = signal<View>("topics");
  /** What was typed to find topics. */
  readonly query = signal("");
  /** The levels that the detail is about; undefined for none. */
  readonly selectedPath = signal<string | undefined>(undefined);
  /** Whether a message is being written while nothing is selected, where there is room for one thing only. */
  readonly isComposing = signal(false);
  readonly collapsedPaths = signal<ReadonlySet<string>>(new Set());
  readonly isPaused = signal(false);
  /** The topic filter that is subscribed to. */
  readonly filter = signal("#");
  /** Why the hub does not let the user see the topics. */
  readonly refusal = signal<string | undefined>(undefined);
  readonly username = signal<string | undefined>(undefined);
  /** Whether the page asks who it is: because the hub wants to know, or the user to tell. */
  readonly isSigningIn = signal(false);
  readonly #connectionState = signal<ConnectionState>({ type: "connecting" });
  readonly #revision = signal(0);
  readonly #connection: HubConnection;
  readonly #pacer: Pacer;
  #credentials: Credentials | undefined;
  #startedAt = 0;

  /** @param url where the hub speaks MQTT over WebSocket. */
  constructor(url: URL) {
    const clock = { requestFrame: (callback: (now: number) => void) => void requestAnimationFrame(callback) };
    this.#pacer = new Pacer(clock, SHOW_EVERY_MS, () => {
      if (!this.isPaused.value) this.#revision.value++;
    });
    this.#connection = new HubConnection(url, {
      handleState: (state) => {
        if (state.type === "sign-in") this.isSigningIn.value = true;
        if (state.type === "open") this.isSigningIn.value = false;
        this.#connectionState.value = state;
      },
      handleMessage: (message) => this.#receive(message),
      handleStart: () => {
        this.#startedAt = performance.now();
        this.#forget();
      },
      handleRefusal: (filter, reason) => {
        if (filter === this.filter.value) this.refusal.value = reason;
      },
    });
  }

  /** Whether the page is connected. */
  get connectionState(): ReadonlySignal<ConnectionState> {
    return this.#connectionState;
  }

  /** Changes when there is something new to show: what reads it is shown again. */
  get revision(): ReadonlySignal<number> {
    return this.#revision;
  }

  /** Begins; the page never ends. */
  open(): void {
    this.#connect();
    let updatedAt = performance.now();
    setInterval(() => {
      const now = performance.now();
      this.table.updateRates(now - updatedAt);
      updatedAt = now;
      this.#pacer.ask();
    }, SECOND_MS);
  }

  signIn(credentials: Credentials): void {
    this.#credentials = credentials;
    this.username.value = credentials.username;
    this.#connect();
  }

  signOut(): void {
    this.#credentials = undefined;
    this.username.value = undefined;
    this.selectedPath.value = undefined;
    this.#forget();
    this.#connect();
  }

  /** Connects again, at once. */
  reconnect(): void {
    this.#connect();
  }

  /** Subscribes to another filter, and forgets what came by the one before. */
  watch(filter: string): void {
    this.filter.value = filter;
    this.#connect();
  }

  publish(publication: Publication): Promise<void> {
    return this.#connection.publish(publication);
  }

  /** Takes the retained value from a topic, with an empty message (MQTT 5.0 3.3.1.3). */
  clearValue(topic: string): Promise<void> {
    return this.#connection.publish({ topic, payload: "", qos: 1, retain: true });
  }

  show(view: View): void {
    this.view.value = view;
    if (this.connectionState.value.type === "open") this.isSigningIn.value = false;
  }

  select(path: string | undefined): void {
    this.selectedPath.value = path;
    this.isComposing.value = false;
  }

  toggle(path: string, isExpanded: boolean): void {
    const paths = new Set(this.collapsedPaths.value);
    if (isExpanded) paths.delete(path);
    else paths.add(path);
    this.collapsedPaths.value = paths;
  }

  setPaused(isPaused: boolean): void {
    this.isPaused.value = isPaused;
    if (!isPaused) this.#pacer.ask();
  }

  #connect(): void {
    this.#connection.open(this.filter.value, this.#credentials);
  }

  #receive(message: ReceivedMessage): void {
    const now = performance.now();
    const isOfOld = message.retain && now - this.#startedAt < SETTLING_MS;
    if (message.topic.startsWith("$SYS/")) this.status.receive(message);
    else this.table.receive(message, now, isOfOld);
    this.#pacer.ask();
  }

  #forget(): void {
    this.table.clear();
    this.status.clear();
    this.refusal.value = undefined;
    this.#pacer.ask();
  }
}
