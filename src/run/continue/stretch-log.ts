import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { onDiskSync, readText, replaceFile, unlessAbsent } from "../../checkpoint/index.js";
import { readsSchema } from "../../data/stretch/position.js";
import { CheckpointError } from "../../errors.js";
import { parseUntrusted } from "../../untrusted.js";

/** The stretches that a run has trained on, or is about to. */
export const STRETCHES = "stretches.jsonl";

const count = z.int().nonnegative();

/** A line of the log. */
const stretchSchema = z.strictObject({
  /** From 1. */
  stretch: z.int().positive(),
  /** The step before it. */
  step: count,
  reads: readsSchema,
  /** Rows read = rows + quarantined + leftOut. */
  rows: count,
  quarantined: count,
  leftOut: count,
  /** New values by table, of vocabularies that grow. */
  added: z.record(z.string(), count),
  /** The fingerprint of the packed rows. */
  data: z.string(),
  /** The name of the packed data. */
  packed: z.string().regex(/^stretch-[0-9a-f]{32}$/),
});

export type StretchLine = z.infer<typeof stretchSchema>;

/**
 * The log of the stretches of a run. A stretch is logged before it is trained on, so that a run that is killed reads the same
 * rows again. If a stretch is logged twice, the later line counts.
 */
export class StretchLog {
  private readonly lines: Map<number, StretchLine>;

  /** @param kept what the file must be written with, before a new line: it is not there, or ends within a line */
  private constructor(
    private readonly path: string,
    lines: readonly StretchLine[],
    private kept?: string,
  ) {
    this.lines = new Map(lines.map((line) => [line.stretch, line]));
  }

  /**
   * Reads the log. An incomplete last line does not count; the file stays as it is until a line is added, since other ranks
   * may read it, or add to it. @throws CheckpointError for a line that is no stretch
   */
  static async open(runDir: string): Promise<StretchLog> {
    const path = join(runDir, STRETCHES);
    const text = (await unlessAbsent(readText(path))) ?? "";
    const complete = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = complete.split("\n").slice(0, -1);
    return new StretchLog(
      path,
      lines.map((line, i) => parsed(line, `${path}:${i + 1}`)),
      text !== "" && complete === text ? undefined : complete,
    );
  }

  find(stretch: number): StretchLine | undefined {
    return this.lines.get(stretch);
  }

  /** Appends a line and syncs it. */
  async add(line: StretchLine): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    if (this.kept === undefined) this.append(text);
    else await replaceFile(this.path, this.kept + text);
    this.kept = undefined;
    this.lines.set(line.stretch, line);
  }

  private append(text: string): void {
    onDiskSync("the file cannot be written", this.path, () => {
      const file = openSync(this.path, "a");
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  }
}

function parsed(text: string, where: string): StretchLine {
  try {
    return stretchSchema.parse(parseUntrusted(text));
  } catch (cause) {
    const report = {
      what: "this is not a line about a stretch",
      where,
      got: text.slice(0, 80),
      next: "Remove the line. If it is the last one, the run reads the new rows again.",
    };
    throw new CheckpointError(report, { cause });
  }
}
