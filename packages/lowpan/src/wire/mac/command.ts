import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { LinkAddress } from "./link-address.js";

/**
 * MAC commands (IEEE 802.15.4-2015 7.5): an identifier and its fields, least significant octet first.
 *
 * ```text
 * +---------------+-----------------+
 * | Command ID: 1 | Command content |
 * +---------------+-----------------+
 * ```
 */
export const COMMAND_IDS = {
  "association-request": 1,
  "association-response": 2,
  disassociation: 3,
  "data-request": 4,
  "pan-id-conflict": 5,
  orphan: 6,
  "beacon-request": 7,
  "coordinator-realignment": 8,
  "gts-request": 9,
} as const;

/** A MAC command; identifiers that are not in {@link COMMAND_IDS} come as `other`. */
export type MacCommand =
  | { readonly type: "association-request"; readonly capability: Capability }
  | { readonly type: "association-response"; readonly shortAddress: LinkAddress; readonly status: number }
  | { readonly type: "disassociation"; readonly reason: number }
  | { readonly type: "data-request" | "pan-id-conflict" | "orphan" | "beacon-request" }
  | CoordinatorRealignment
  | { readonly type: "gts-request"; readonly characteristics: number }
  | { readonly type: "other"; readonly commandId: number; readonly content: Uint8Array };

export interface CoordinatorRealignment {
  readonly type: "coordinator-realignment";
  readonly panId: number;
  readonly coordinator: LinkAddress;
  readonly channel: number;
  readonly shortAddress: LinkAddress;
  readonly channelPage: number | undefined;
}

/** The capability information field (2015 7.5.2.2). */
export interface Capability {
  readonly isFullFunctionDevice: boolean;
  readonly isMainsPowered: boolean;
  readonly isReceiverOnWhenIdle: boolean;
  readonly isSecurityCapable: boolean;
  readonly wantsShortAddress: boolean;
}

/** The command in a command frame's payload. @throws WireError. */
export function decodeCommand(payload: Uint8Array): MacCommand {
  requireBytes(0, 1, payload.length, "a MAC command");
  const commandId = byteAt(payload, 0);
  const content = payload.subarray(1);
  const octet = (at: number): number => byteAt(content, at);
  switch (commandId) {
    case COMMAND_IDS["association-request"]:
      requireContent(content, 1);
      return { type: "association-request", capability: decodeCapability(octet(0)) };
    case COMMAND_IDS["association-response"]:
      requireContent(content, 3);
      return { type: "association-response", shortAddress: reversed(content, 0), status: octet(2) };
    case COMMAND_IDS.disassociation:
      requireContent(content, 1);
      return { type: "disassociation", reason: octet(0) };
    case COMMAND_IDS["data-request"]:
      return { type: "data-request" };
    case COMMAND_IDS["pan-id-conflict"]:
      return { type: "pan-id-conflict" };
    case COMMAND_IDS.orphan:
      return { type: "orphan" };
    case COMMAND_IDS["beacon-request"]:
      return { type: "beacon-request" };
    case COMMAND_IDS["coordinator-realignment"]:
      requireContent(content, 7);
      return {
        type: "coordinator-realignment",
        panId: octet(0) | (octet(1) << 8),
        coordinator: reversed(content, 2),
        channel: octet(4),
        shortAddress: reversed(content, 5),
        channelPage: content.length > 7 ? octet(7) : undefined,
      };
    case COMMAND_IDS["gts-request"]:
      requireContent(content, 1);
      return { type: "gts-request", characteristics: octet(0) };
    default:
      return { type: "other", commandId, content };
  }
}

/** The payload of a command frame. */
export function encodeCommand(command: MacCommand): Uint8Array {
  const commandId = command.type === "other" ? command.commandId : COMMAND_IDS[command.type];
  return Uint8Array.of(commandId, ...encodeContent(command));
}

function encodeContent(command: MacCommand): Iterable<number> {
  switch (command.type) {
    case "association-request":
      return [encodeCapability(command.capability)];
    case "association-response":
      return [...command.shortAddress.toReversed(), command.status];
    case "disassociation":
      return [command.reason];
    case "data-request":
    case "pan-id-conflict":
    case "orphan":
    case "beacon-request":
      return [];
    case "coordinator-realignment":
      return [
        command.panId & 0xff,
        command.panId >>> 8,
        ...command.coordinator.toReversed(),
        command.channel,
        ...command.shortAddress.toReversed(),
        ...(command.channelPage === undefined ? [] : [command.channelPage]),
      ];
    case "gts-request":
      return [command.characteristics];
    case "other":
      return command.content;
  }
}

function decodeCapability(bits: number): Capability {
  return {
    isFullFunctionDevice: (bits & 0x02) !== 0,
    isMainsPowered: (bits & 0x04) !== 0,
    isReceiverOnWhenIdle: (bits & 0x08) !== 0,
    isSecurityCapable: (bits & 0x40) !== 0,
    wantsShortAddress: (bits & 0x80) !== 0,
  };
}

function encodeCapability(capability: Capability): number {
  return (
    (capability.isFullFunctionDevice ? 0x02 : 0) |
    (capability.isMainsPowered ? 0x04 : 0) |
    (capability.isReceiverOnWhenIdle ? 0x08 : 0) |
    (capability.isSecurityCapable ? 0x40 : 0) |
    (capability.wantsShortAddress ? 0x80 : 0)
  );
}

function requireContent(content: Uint8Array, length: number): void {
  if (content.length < length) {
    throw new WireError("command", `a MAC command with ${content.length} octets of content needs ${length}`);
  }
}

function reversed(bytes: Uint8Array, at: number): LinkAddress {
  return bytes.subarray(at, at + 2).toReversed();
}
