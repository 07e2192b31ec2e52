import type { PacketType } from "./packets.js";

/** The packets that carry a reason code. */
export type ReasonPacket = Extract<
  PacketType,
  "connack" | "puback" | "pubrec" | "pubrel" | "pubcomp" | "suback" | "unsuback" | "disconnect" | "auth"
>;

interface ReasonDefinition {
  readonly code: number;
  readonly packets: readonly ReasonPacket[];
}

/** Every reason code of MQTT 5.0 with the packets that may carry it (2.4). 0x00 has three names, by packet. */
export const REASON_CODES = {
  success: {
    code: 0x00,
    packets: ["connack", "puback", "pubrec", "pubrel", "pubcomp", "unsuback", "auth"],
  },
  normalDisconnection: {
    code: 0x00,
    packets: ["disconnect"],
  },
  grantedQoS0: { code: 0x00, packets: ["suback"] },
  grantedQoS1: { code: 0x01, packets: ["suback"] },
  grantedQoS2: { code: 0x02, packets: ["suback"] },
  disconnectWithWillMessage: {
    code: 0x04,
    packets: ["disconnect"],
  },
  noMatchingSubscribers: {
    code: 0x10,
    packets: ["puback", "pubrec"],
  },
  noSubscriptionExisted: {
    code: 0x11,
    packets: ["unsuback"],
  },
  continueAuthentication: { code: 0x18, packets: ["auth"] },
  reAuthenticate: { code: 0x19, packets: ["auth"] },
  unspecifiedError: {
    code: 0x80,
    packets: ["connack", "puback", "pubrec", "suback", "unsuback", "disconnect"],
  },
  malformedPacket: {
    code: 0x81,
    packets: ["connack", "disconnect"],
  },
  protocolError: {
    code: 0x82,
    packets: ["connack", "disconnect"],
  },
  implementationSpecificError: {
    code: 0x83,
    packets: ["connack", "puback", "pubrec", "suback", "unsuback", "disconnect"],
  },
  unsupportedProtocolVersion: {
    code: 0x84,
    packets: ["connack"],
  },
  clientIdentifierNotValid: {
    code: 0x85,
    packets: ["connack"],
  },
  badUserNameOrPassword: {
    code: 0x86,
    packets: ["connack"],
  },
  notAuthorized: {
    code: 0x87,
    packets: ["connack", "puback", "pubrec", "suback", "unsuback", "disconnect"],
  },
  serverUnavailable: { code: 0x88, packets: ["connack"] },
  serverBusy: {
    code: 0x89,
    packets: ["connack", "disconnect"],
  },
  banned: { code: 0x8a, packets: ["connack"] },
  serverShuttingDown: { code: 0x8b, packets: ["disconnect"] },
  badAuthenticationMethod: {
    code: 0x8c,
    packets: ["connack", "disconnect"],
  },
  keepAliveTimeout: {
    code: 0x8d,
    packets: ["disconnect"],
  },
  sessionTakenOver: {
    code: 0x8e,
    packets: ["disconnect"],
  },
  topicFilterInvalid: {
    code: 0x8f,
    packets: ["suback", "unsuback", "disconnect"],
  },
  topicNameInvalid: {
    code: 0x90,
    packets: ["connack", "puback", "pubrec", "disconnect"],
  },
  packetIdentifierInUse: {
    code: 0x91,
    packets: ["puback", "pubrec", "suback", "unsuback"],
  },
  packetIdentifierNotFound: {
    code: 0x92,
    packets: ["pubrel", "pubcomp"],
  },
  receiveMaximumExceeded: {
    code: 0x93,
    packets: ["disconnect"],
  },
  topicAliasInvalid: {
    code: 0x94,
    packets: ["disconnect"],
  },
  packetTooLarge: {
    code: 0x95,
    packets: ["connack", "disconnect"],
  },
  messageRateTooHigh: { code: 0x96, packets: ["disconnect"] },
  quotaExceeded: {
    code: 0x97,
    packets: ["connack", "puback", "pubrec", "suback", "disconnect"],
  },
  administrativeAction: {
    code: 0x98,
    packets: ["disconnect"],
  },
  payloadFormatInvalid: {
    code: 0x99,
    packets: ["connack", "puback", "pubrec", "disconnect"],
  },
  retainNotSupported: {
    code: 0x9a,
    packets: ["connack", "disconnect"],
  },
  qosNotSupported: {
    code: 0x9b,
    packets: ["connack", "disconnect"],
  },
  useAnotherServer: {
    code: 0x9c,
    packets: ["connack", "disconnect"],
  },
  serverMoved: {
    code: 0x9d,
    packets: ["connack", "disconnect"],
  },
  sharedSubscriptionsNotSupported: {
    code: 0x9e,
    packets: ["suback", "disconnect"],
  },
  connectionRateExceeded: {
    code: 0x9f,
    packets: ["connack", "disconnect"],
  },
  maximumConnectTime: {
    code: 0xa0,
    packets: ["disconnect"],
  },
  subscriptionIdentifiersNotSupported: {
    code: 0xa1,
    packets: ["suback", "disconnect"],
  },
  wildcardSubscriptionsNotSupported: {
    code: 0xa2,
    packets: ["suback", "disconnect"],
  },
} as const satisfies Record<string, ReasonDefinition>;

/** The name of an MQTT 5.0 reason code, such as `malformedPacket`. */
export type ReasonName = keyof typeof REASON_CODES;

/** The number of each reason code by its name: `ReasonCode.malformedPacket` is 0x81. */
export const ReasonCode = codeByName(REASON_CODES);

/** CONNACK return codes of MQTT 3.1 and 3.1.1 (3.2.2.3 there). */
export const CONNECT_RETURN_CODES = {
  accepted: { code: 0 },
  unacceptableProtocolVersion: { code: 1 },
  identifierRejected: { code: 2 },
  serverUnavailable: { code: 3 },
  badUserNameOrPassword: { code: 4 },
  notAuthorized: { code: 5 },
} as const satisfies Record<string, { readonly code: number }>;

/** The name of a CONNACK return code before MQTT 5.0. */
export type ConnectReturnName = keyof typeof CONNECT_RETURN_CODES;

/** The number of each CONNACK return code by its name: `ConnectReturnCode.notAuthorized` is 5. */
export const ConnectReturnCode = codeByName(CONNECT_RETURN_CODES);

/** SUBACK's one failure code before MQTT 5.0 (3.9.3 of MQTT 3.1.1). */
export const SUBACK_FAILURE = 0x80;

/**
 * The CONNACK return code that says to an MQTT 3.1 or 3.1.1 client what `reasonCode` says in MQTT 5.0; undefined
 * where those versions have no word for it and the server just closes the connection.
 */
export function connectReturnCode(reasonCode: number): number | undefined {
  switch (reasonCode) {
    case ReasonCode.success:
      return ConnectReturnCode.accepted;
    case ReasonCode.unsupportedProtocolVersion:
      return ConnectReturnCode.unacceptableProtocolVersion;
    case ReasonCode.clientIdentifierNotValid:
      return ConnectReturnCode.identifierRejected;
    case ReasonCode.badUserNameOrPassword:
      return ConnectReturnCode.badUserNameOrPassword;
    case ReasonCode.notAuthorized:
    case ReasonCode.banned:
    case ReasonCode.badAuthenticationMethod:
      return ConnectReturnCode.notAuthorized;
    case ReasonCode.serverUnavailable:
    case ReasonCode.serverBusy:
    case ReasonCode.quotaExceeded:
    case ReasonCode.useAnotherServer:
    case ReasonCode.serverMoved:
    case ReasonCode.connectionRateExceeded:
      return ConnectReturnCode.serverUnavailable;
    default:
      return undefined;
  }
}

/** Whether `packet` may carry `code` in MQTT 5.0. */
export function isReasonCodeOf(packet: ReasonPacket, code: number): boolean {
  return NAMES_BY_PACKET[packet].has(code);
}

/** The name of `code` in `packet`; without a packet, the code's first name in the table; undefined when not defined. */
export function reasonName(code: number, packet?: ReasonPacket): ReasonName | undefined {
  return packet === undefined ? NAME_BY_CODE.get(code) : NAMES_BY_PACKET[packet].get(code);
}

const NAME_BY_CODE: ReadonlyMap<number, ReasonName> = namesByCode(() => true);

const NAMES_BY_PACKET: Readonly<Record<ReasonPacket, ReadonlyMap<number, ReasonName>>> = {
  connack: namesIn("connack"),
  puback: namesIn("puback"),
  pubrec: namesIn("pubrec"),
  pubrel: namesIn("pubrel"),
  pubcomp: namesIn("pubcomp"),
  suback: namesIn("suback"),
  unsuback: namesIn("unsuback"),
  disconnect: namesIn("disconnect"),
  auth: namesIn("auth"),
};

function namesIn(packet: ReasonPacket): ReadonlyMap<number, ReasonName> {
  return namesByCode((definition) => definition.packets.includes(packet));
}

function namesByCode(isWanted: (definition: ReasonDefinition) => boolean): ReadonlyMap<number, ReasonName> {
  const names = new Map<number, ReasonName>();
  for (const [name, definition] of Object.entries(REASON_CODES)) {
    // The keys of REASON_CODES are the reason names.
    if (isWanted(definition) && !names.has(definition.code)) names.set(definition.code, name as ReasonName);
  }
  return names;
}

function codeByName<T extends Record<string, { readonly code: number }>>(
  table: T,
): { readonly [N in keyof T]: T[N]["code"] } {
  const codes = Object.fromEntries(Object.entries(table).map(([name, { code }]) => [name, code]));
  // Each name of the table maps to the code that stands beside it there.
  return codes as { readonly [N in keyof T]: T[N]["code"] };
}
