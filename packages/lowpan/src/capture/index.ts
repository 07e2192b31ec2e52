export { CaptureDecoder, type CaptureRecord, decodeCapture, MAX_RECORD_LENGTH } from "./capture-decoder.js";
export { frameOfRecord } from "./frame-of-record.js";
export { type CapturedFrame, closeRecord, LINK_TYPE, type LinkType, openRecord } from "./link-type.js";
export { encodePcapHeader, encodePcapRecord } from "./pcap.js";
export { encodePcapngHeader, encodePcapngRecord } from "./pcapng.js";
