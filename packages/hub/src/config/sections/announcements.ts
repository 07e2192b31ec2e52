import { z } from "zod";

/** `announcements`: what clients of MQTT 5.0 are told besides the limits. */
export const announcementsSection = z.strictObject({
  response_information: z
    .string()
    .default("responses/%c")
    .describe("topic for the responses of a client that asks where to have them, %c is its identifier; empty: none"),
  server_reference: z
    .string()
    .optional()
    .describe("where else clients may go, such as other.example:1883: told when the hub shuts down"),
  has_moved: z
    .boolean()
    .default(false)
    .describe("whether the hub has moved to server_reference for good: all clients are sent there"),
});
