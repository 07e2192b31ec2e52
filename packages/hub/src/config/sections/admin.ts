import { z } from "zod";
import { sizeBytesOr } from "./values.js";

/** `admin`: the management API below `/api` of the HTTP doors. */
export const adminSection = z.strictObject({
  maximum_body_size: sizeBytesOr(1024 * 1024).describe("bytes of a request's body"),
});
