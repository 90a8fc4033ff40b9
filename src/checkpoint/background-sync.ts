/** The part of an opened file that this needs. */
export interface SyncedFile {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
}

/** Bytes of a write. Linux looks for large blocks of memory to cache larger ones, which can take ten times as long. */
const WRITE_BYTES = 512 << 10;
/** The disk is told to store this many bytes at once. */
const SYNC_BYTES = 64 << 20;

/** Writes a file. The disk stores what has been written while more is produced, so that little is left for the last sync. */
export class BackgroundSync {
  private waiting = 0;
  /** A failed one stays, because the system reports an error only once. */
  private underWay?: Promise<void>;

  constructor(private readonly file: SyncedFile) {}

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(WRITE_BYTES, bytes.length - at);
      at += (await this.file.write(bytes, at, count, position + at)).bytesWritten;
    }
    this.waiting += bytes.length;
    if (this.waiting >= SYNC_BYTES && !this.underWay) this.start();
  }

  /** Waits until everything is on the disk. @throws the error of any sync */
  async finish(): Promise<void> {
    await this.underWay;
    await this.file.sync();
  }

  private start(): void {
    this.waiting = 0;
    this.underWay = this.file.datasync().then(() => {
      this.underWay = undefined;
    });
    this.underWay.catch(() => {}); // finish() throws it
  }
}
