export { deriveScramSecret, hashPassword } from "./password-secret.js";
export { isUserName, parsePasswordFile, PasswordFileError, replacePrivateFile, withSecret } from "./password-file.js";
