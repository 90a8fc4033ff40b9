import { count } from "../show-value.js";
import { formatCount } from "./progress-line.js";

const REDRAW_MS = 125;

/** A line that counts rows when the total is unknown. A terminal redraws it; otherwise only labels are printed. */
export class Counter {
  private label = "";
  private drawnAt = 0;
  private startedAt = 0;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  show(label: string, rows?: number): void {
    const now = performance.now();
    if (label === this.label && now - this.drawnAt < REDRAW_MS) return;
    if (label !== this.label) {
      this.startedAt = now;
      if (!this.stream.isTTY) this.stream.write(`${label}\n`);
    }
    this.label = label;
    this.drawnAt = now;
    if (this.stream.isTTY) this.draw(`${label}${rows === undefined ? "" : this.rowsText(rows, now)}`);
  }

  /** Clears the line. */
  stop(): void {
    if (this.label !== "" && this.stream.isTTY) this.draw("");
    this.label = "";
  }

  private rowsText(rows: number, now: number): string {
    const seconds = (now - this.startedAt) / 1000;
    const rate = seconds > 0.2 ? `  ${formatCount(rows / seconds)} rows/s` : "";
    return `  ${count(rows)} rows${rate}`;
  }

  private draw(text: string): void {
    this.stream.write(`\r\u001b[K${text.slice(0, (this.stream.columns || 80) - 1)}`);
  }
}
