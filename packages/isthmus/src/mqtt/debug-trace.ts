import type { Packet, PacketTrace } from "@isthmus/mqtt";

/**
 * A trace that prints each packet as mosquitto's programs do with -d.
 *
 * @param showsGranted whether it prints what SUBACK grants
 */
export function debugTrace(print: (line: string) => void, showsGranted: boolean): PacketTrace {
  let clientId = "";
  // mosquitto numbers QoS 0 messages too, though the number stays at home.
  let lastIdentifier = 0;
  return (direction, packet) => {
    if (packet.type === "connect") clientId = packet.clientId;
    if (packet.type === "connack") clientId = packet.properties?.assignedClientIdentifier ?? clientId;
    if (direction === "sent") lastIdentifier = identifierOf(packet, lastIdentifier);
    const verb = direction === "sent" ? "sending" : "received";
    const subject = `Client ${clientId === "" ? "(null)" : clientId} ${verb} ${packet.type.toUpperCase()}`;
    for (const details of describe(packet, direction, lastIdentifier)) print(`${subject}${details}`);
    if (packet.type === "suback" && showsGranted)
      print(`Subscribed (mid: ${packet.packetIdentifier}): ${packet.reasonCodes.join(", ")}`);
  };
}

/** The number of the last packet sent that has one, or would have one. */
function identifierOf(packet: Packet, last: number): number {
  if (packet.type === "publish") return packet.packetIdentifier ?? last + 1;
  return packet.type === "subscribe" || packet.type === "unsubscribe" ? packet.packetIdentifier : last;
}

/** What stands behind the packet's name; a line for each topic filter. */
function describe(packet: Packet, direction: "sent" | "received", lastIdentifier: number): readonly string[] {
  switch (packet.type) {
    case "connack":
      return [` (${packet.reasonCode})`];
    case "publish": {
      const { dup, qos, retain, topic, payload, packetIdentifier = direction === "sent" ? lastIdentifier : 0 } = packet;
      const flags = `d${Number(dup)}, q${qos}, r${Number(retain)}, m${packetIdentifier}`;
      return [` (${flags}, '${topic}', ... (${payload.length} bytes))`];
    }
    case "puback":
    case "pubcomp":
      if (direction === "received") return [` (Mid: ${packet.packetIdentifier}, RC:${packet.reasonCode})`];
      return [
        packet.type === "puback"
          ? ` (m${packet.packetIdentifier}, rc${packet.reasonCode})`
          : ` (m${packet.packetIdentifier})`,
      ];
    case "pubrec":
      if (direction === "received") return [` (Mid: ${packet.packetIdentifier})`];
      return [` (m${packet.packetIdentifier}, rc${packet.reasonCode})`];
    case "pubrel":
      return [direction === "received" ? ` (Mid: ${packet.packetIdentifier})` : ` (m${packet.packetIdentifier})`];
    case "subscribe":
      return packet.subscriptions.map(({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }) => {
        const options = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
        const shown = options.toString(16).padStart(2, "0");
        return ` (Mid: ${packet.packetIdentifier}, Topic: ${topicFilter}, QoS: ${qos}, Options: 0x${shown})`;
      });
    case "unsubscribe":
      return packet.topicFilters.map((topicFilter) => ` (Mid: ${packet.packetIdentifier}, Topic: ${topicFilter})`);
    case "disconnect":
      return [direction === "received" ? ` (${packet.reasonCode})` : ""];
    case "connect":
    case "suback":
    case "unsuback":
    case "pingreq":
    case "pingresp":
    case "auth":
      return [""];
  }
}
