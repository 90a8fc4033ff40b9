import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { loadAddon } from "../../native/addon.js";

/** Largest read: one system call cannot read 2 GiB. */
const PIECE_BYTES = 2 ** 30;

/** A whole file as read-only memory: mapped by the native core, or read into memory without it. */
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
      const piece = new Uint8Array(buffer, at, Math.min(PIECE_BYTES, size - at));
      const read = readSync(file, piece, 0, piece.length, at);
      if (read === 0) break;
      at += read;
    }
    return buffer;
  } finally {
    closeSync(file);
  }
}
