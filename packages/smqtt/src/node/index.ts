export {
  AuthorityFile,
  AuthorityFileBusyError,
  type AuthorityFileOptions,
  replacePrivately,
  writePrivately,
} from "./authority-file.js";
export { nodeCrypto } from "./node-crypto.js";
export { createWorkerSuites, WorkerBusyError, type WorkerSuites, type WorkerSuitesOptions } from "./worker-suites.js";
