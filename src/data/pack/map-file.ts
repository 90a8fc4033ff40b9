import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { loadAddon } from "../../native/addon.js";

/** Reads of at most this many bytes: one call to the system cannot read 2 GiB. */
const pieceBytes = 2 ** 30;

/** A whole file as memory, not to be written to: mapped by the native core, or read where there is none. */
export function mapFile(path: string): ArrayBuffer {
  const { addon } = loadAddon();
  return addon ? addon.mapFile(path) : readWhole(path);
}

function readWhole(path: string): ArrayBuffer {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const buffer = new ArrayBuffer(size);
    let at = 0;
    while (at < size) {
      const piece = new Uint8Array(buffer, at, Math.min(pieceBytes, size - at));
      const read = readSync(file, piece, 0, piece.length, at);
      if (read === 0) break;
      at += read;
    }
    return buffer;
  } finally {
    closeSync(file);
  }
}
