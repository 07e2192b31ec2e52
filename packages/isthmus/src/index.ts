export type { Departure, HookClient, Hooks, Replacement } from "@isthmus/hub";
export { createHub, Hub, type HubOptions, ListenError, type ListenOptions, type OpenDoor } from "@isthmus/hub";
export { type Client, connect, type ConnectOptions, type Message } from "@isthmus/mqtt";
export { openStore, type StoreOptions } from "@isthmus/hub/store";
