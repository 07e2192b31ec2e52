export { BROADCAST_HEADER_LENGTH, type BroadcastHeader, decodeBroadcast, encodeBroadcast } from "./broadcast.js";
export { type Context, CONTEXT_COUNT, ContextTable } from "./context-table.js";
export {
  compressDatagram,
  decodeDatagram,
  decompressDatagram,
  encodeDatagram,
  type EncodeDatagramOptions,
  encodeUncompressed,
  MAX_UNFRAGMENTED_LENGTH,
} from "./datagram.js";
export { type Dispatch, dispatchOf } from "./dispatch.js";
export { decodeEsc, encodeEsc, type EscHeader } from "./esc.js";
export { decodeFragment, encodeFragment, type FragmentHeader, MAX_DATAGRAM_SIZE } from "./fragment.js";
export {
  type CompressedHeaders,
  compressHeaders,
  type CompressOptions,
  type DecompressedHeaders,
  decompressHeaders,
  type ElidedChecksum,
  interfaceIdentifiers,
} from "./header-compression.js";
export { decodeMesh, encodeMesh, type MeshHeader, meshHeaderLength } from "./mesh.js";
export { Reassembler, type ReassemblerOptions, type ReassemblyCounters } from "./reassembler.js";
export {
  decodeRoutingHeaders,
  type Encapsulation,
  PAGE_1,
  type RoutingHeader,
  type RplInformation,
  type SourceRoute,
  type UnknownElective,
} from "./routing-header.js";
