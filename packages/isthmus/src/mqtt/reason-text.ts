import { reasonName } from "@isthmus/mqtt";

/** What mosquitto's programs call a reason code of MQTT 5.0: `Not authorized`. */
export function reasonText(reasonCode: number): string {
  const name = reasonName(reasonCode);
  if (name === undefined) return "Unknown reason";
  const words = name.replaceAll(/QoS\d?|[A-Z]/g, (start) => ` ${start.toLowerCase()}`);
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`.replace("user name", "username");
}

/** What they call a return code of CONNACK before MQTT 5.0. */
export function returnCodeText(returnCode: number): string {
  return `Connection Refused: ${RETURN_CODE_TEXTS[returnCode] ?? "unknown reason"}.`;
}

const RETURN_CODE_TEXTS: Readonly<Record<number, string>> = {
  1: "unacceptable protocol version",
  2: "identifier rejected",
  3: "broker unavailable",
  4: "bad user name or password",
  5: "not authorised",
};
