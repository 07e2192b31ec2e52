export { ByteReader, ShortReadError } from "./byte-reader.js";
export { ByteWriter } from "./byte-writer.js";
export { byteAt, concatBytes, equalBytes, readUint16, readUint32, writeUint16 } from "./byte-access.js";
export { fromHex, HexSyntaxError, toHex } from "./hex.js";
export { decodeUtf8, encodeUtf8, hasLoneSurrogate, Utf8Error, utf8Length, writeUtf8 } from "./utf8.js";
