export { Authority, type AuthorityOptions } from "./authority/authority.js";
export type { DeviceGrant, DeviceRecord } from "./authority/authority-state.js";
export { type PublicBundle, type SuiteParameters, verifyBundle } from "./authority/bundle.js";
export { type Certificate, permitsPublish, verifyCertificate } from "./authority/certificate.js";
export {
  EnrolmentError,
  formatInvitation,
  type Invitation,
  parseInvitation,
  type SentRequest,
} from "./authority/enrolment.js";
export { type DeviceFile, exportDevice, importDevice } from "./authority/device-file.js";
export { answerTopic, bundleTopic, enrolTopic, isEnrolTopic, ticketOf } from "./authority/exchange-topics.js";
export { createIdentity, type Identity, publicIdentity, type PublicIdentity, subjectId } from "./authority/identity.js";
export { type Joining, Membership } from "./authority/membership.js";
export { PassphraseError, PassphraseKey } from "./authority/passphrase.js";
export { announce } from "./client/announce.js";
export { AuthorityService, type AuthorityServiceOptions, type RequestOutcome } from "./client/authority-service.js";
export { type AskOptions, enrolOver, renewOver } from "./client/enrolment-client.js";
export { fromMqttJs, type MqttJsClient } from "./client/mqttjs.js";
export { MessageQueue } from "./client/message-queue.js";
export { MessageOpener, type OpenedMessage, type OpeningOptions } from "./client/message-opener.js";
export { MessageSealer, type SealingOptions, type SealOptions } from "./client/message-sealer.js";
export { brokerWrapStore, type WrapStore } from "./client/wrap-store.js";
export type {
  PlainClient,
  PlainMessage,
  PlainPublishOptions,
  PlainSubscribeOptions,
  PlainSubscription,
} from "./client/plain-client.js";
export {
  secure,
  SecureClient,
  type SecureMessage,
  type SecureOptions,
  type SecurePublishOptions,
} from "./client/secure-client.js";
export type { SecureSubscription } from "./client/secure-subscription.js";
export { ContentKey, type SealExtras } from "./envelope/content-key.js";
export { CoseError } from "./envelope/cose-parameters.js";
export { type Aead, type CryptoBackend, nobleCrypto } from "./envelope/crypto-backend.js";
export { WRAP_TOPIC_PREFIX, wrapTopic } from "./envelope/key-id.js";
export { OPEN_FAILURES, OpenError, type OpenFailure } from "./envelope/open-error.js";
export { type Inspection, type Opened, Opener, type OpenerOptions } from "./envelope/opener.js";
export { Sealer, type SealerOptions } from "./envelope/sealer.js";
export { isSealed, parseEncrypt0 } from "./envelope/encrypt0.js";
export { parseSign1 } from "./envelope/sign1.js";
export { parseWrapPayload, type WrapHeader, type WrapPayload } from "./envelope/wrap-message.js";
export { inspect, type Inspected, type InspectedMessage, type InspectedWrap } from "./inspect.js";
export { type RandomBytes, secureRandomBytes } from "./random.js";
export { cpAbeSuite } from "./suites/cp-abe.js";
export { hpkeSuite } from "./suites/hpke.js";
export { kpAbeSuite } from "./suites/kp-abe.js";
export { pskSuite } from "./suites/psk.js";
export { pskTreeSuite } from "./suites/psk-tree.js";
export { builtInSuites, createSuiteRegistry, type SuiteRegistry } from "./suites/registry.js";
export {
  CONTENT_KEY_BYTES,
  type Grant,
  GrantError,
  type Suite,
  type SuiteEnrolment,
  type SuiteMaster,
  type SuitePublisher,
  type SuiteReader,
  UnwrapError,
  type Validity,
  WrapError,
  type WrappedKey,
  type WrapTarget,
} from "./suites/suite.js";
export { TopicError } from "./topics.js";
