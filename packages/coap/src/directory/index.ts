export { lookUpEndpoints, lookUpResources, type Lookup, parseLookup } from "./lookup.js";
export { DEFAULT_LIFETIME_S, type Registrant, Registration, type RegistrationRecord } from "./registration.js";
export {
  parseRegistration,
  parseUpdate,
  type RegistrationParameters,
  type UpdateParameters,
} from "./registration-parameters.js";
export { type DirectoryListener, type DirectoryOptions, ResourceDirectory } from "./resource-directory.js";
export {
  type DirectoryGrant,
  type DirectoryPolicy,
  firstComeFirstRemembered,
  serveDirectory,
  type ServedDirectory,
  type ServeDirectoryOptions,
} from "./serve-directory.js";
