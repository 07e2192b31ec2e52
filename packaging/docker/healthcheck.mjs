// Whether the hub of this container is ready: what HEALTHCHECK runs, for the image has no curl.
const url = process.env.HEALTH_URL ?? "http://127.0.0.1:8080/readyz";

fetch(url, { signal: AbortSignal.timeout(4000) }).then(
  (response) => process.exit(response.ok ? 0 : 1),
  () => process.exit(1),
);
