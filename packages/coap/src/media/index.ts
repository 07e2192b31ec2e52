export { CborError, decodeCbor, encodeCbor } from "./cbor.js";
export { filterLinks, type LinkCriterion, linkMatches, parseLinkCriterion } from "./link-filter.js";
export {
  formatLinks,
  type Link,
  link,
  type LinkAttribute,
  linkAttribute,
  type LinkAttributeValues,
  LinkFormatError,
  parseLinks,
} from "./link-format.js";
export { type EncodedRepresentation, Media, MediaError } from "./media.js";
export { Format, type MediaCodec, mediaCodecs } from "./media-codec.js";
export { links, Representation, representation, senml } from "./representation.js";
export {
  type ResolvedSenmlRecord,
  resolveSenml,
  SENML_VERSION,
  SenmlError,
  type SenmlField,
  senmlFields,
  type SenmlFieldType,
  type SenmlRecord,
} from "./senml.js";
export { decodeSenmlCbor, encodeSenmlCbor } from "./senml-cbor.js";
export { decodeSenmlJson, encodeSenmlJson } from "./senml-json.js";
export { decodeSenmlXml, encodeSenmlXml } from "./senml-xml.js";
export { isAbsoluteUri, resolveUriReference } from "./uri-reference.js";
export { XmlError } from "./xml.js";
