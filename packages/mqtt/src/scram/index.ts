export { saslprep } from "./saslprep.js";
export { SCRAM_SHA_256, scramSha256 } from "./scram-authentication.js";
export { ScramClient, type ScramClientOptions } from "./scram-client.js";
export { ScramError, type ScramErrorValue } from "./scram-error.js";
export { decoyCredentials, deriveScramCredentials, type ScramCredentials } from "./scram-keys.js";
export { formatServerError, ScramServer } from "./scram-server.js";
