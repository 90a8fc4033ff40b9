const TEXT = new TextEncoder();

/** Appends little-endian words and strings; encoding of docs/design/program-format.md. */
export class ProgramWriter {
  private buffer = new Uint8Array(4096);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  u32(...values: number[]): void {
    for (const value of values) {
      const at = this.append(4);
      this.view.setUint32(at, value, true);
    }
  }

  u64(...values: number[]): void {
    for (const value of values) {
      const at = this.append(8);
      this.view.setBigUint64(at, BigInt(value), true);
    }
  }

  f64(...values: number[]): void {
    for (const value of values) {
      const at = this.append(8);
      this.view.setFloat64(at, value, true);
    }
  }

  /** Byte length, UTF-8, zero padding to a multiple of four. */
  string(text: string): void {
    const bytes = TEXT.encode(text);
    this.u32(bytes.length);
    this.bytes(bytes);
    this.append(-bytes.length & 3);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.append(bytes.length);
    this.buffer.set(bytes, at);
  }

  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Appends zeros. @returns where they begin */
  private append(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}
