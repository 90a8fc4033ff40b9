import zlib from "node:zlib";

/** CRC-32 (ISO-HDLC, as in zip and PNG) of bytes, unsigned. */
export const crc32: (bytes: Uint8Array) => number = zlib.crc32 ?? tableCrc32;

/** For Node before 20.15, whose zlib has none. @internal */
export function tableCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
