import { checkPage, identifyAdministrator } from "../admin/guard.js";
import { problemOf } from "../admin/problem-of.js";
import { Problem, sendProblem } from "../admin/problem.js";
import type { HttpHandler } from "../listeners/http-mount.js";
import type { EventLoopLag } from "./event-loop-lag.js";
import { CONTENT_TYPE, formatFamilies } from "./exposition.js";
import { hubFamilies, processFamilies } from "./families.js";
import { readGauges } from "./gauges.js";
import type { Measured } from "./metrics-mount.js";

/** Answers scrapes. */
export function metricsHandler(measured: Measured, lag: EventLoopLag, isPublic: boolean): HttpHandler {
  return (request, response, entrance) => {
    answer().catch((error: unknown) => sendProblem(response, problemOf(error)));

    async function answer(): Promise<void> {
      if (request.method !== "GET" && request.method !== "HEAD") {
        throw new Problem(405, `${request.method} is none of GET, HEAD`, { headers: { allow: "GET, HEAD" } });
      }
      if (!isPublic) {
        checkPage(request, entrance);
        await identifyAdministrator(measured, request, entrance);
      }
      const { exchange, metrics, mqttDoor } = measured;
      const families = hubFamilies(metrics, readGauges(exchange, mqttDoor));
      const text = formatFamilies([...families, ...processFamilies(), ...lag.read()]);
      response.writeHead(200, { "content-type": CONTENT_TYPE, "cache-control": "no-store" }).end(text);
    }
  };
}
