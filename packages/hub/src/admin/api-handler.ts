import type { HttpHandler } from "../listeners/http-mount.js";
import type { AdminContext } from "./admin-context.js";
import { clientRoutes } from "./client-routes.js";
import { hubRoutes } from "./hub-routes.js";
import { serveApi } from "./serve-api.js";
import { topicRoutes } from "./topic-routes.js";

/** All of the management API. */
export function apiHandler(context: AdminContext, maximumBodySize: number): HttpHandler {
  const routes = [...hubRoutes(context), ...clientRoutes(context), ...topicRoutes(context)];
  return serveApi(context, routes, { maximumBodySize });
}
