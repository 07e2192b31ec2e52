export { createHub, Hub, type HubOptions, ListenError, type ListenOptions, type OpenDoor } from "@isthmus/hub";
