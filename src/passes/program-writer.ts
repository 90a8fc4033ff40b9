/** Appends little-endian words and strings; encoding of docs/design/program-format.md. */
export class ProgramWriter {
  private readonly parts: Uint8Array[] = [];

  u32(...values: number[]): void {
    this.parts.push(new Uint8Array(Uint32Array.from(values).buffer));
  }

  u64(...values: number[]): void {
    this.parts.push(new Uint8Array(BigUint64Array.from(values, BigInt).buffer));
  }

  f64(...values: number[]): void {
    this.parts.push(new Uint8Array(Float64Array.from(values).buffer));
  }

  /** Byte length, UTF-8, zero padding to a multiple of four. */
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    this.parts.push(padded);
  }

  bytes(bytes: Uint8Array): void {
    this.parts.push(bytes);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}
