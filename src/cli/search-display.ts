import type { Setting } from "../config/settings.js";
import { directionOf, type WatchedMetric } from "../metrics/index.js";
import type { SearchEvent } from "../run/search/search-event.js";
import type { TrialResult } from "../run/search/search-record.js";
import { filled } from "./fill-lines.js";
import { settingWords, shortNames, valueWords } from "./setting-words.js";
import { percent, plural } from "./tables.js";
import { TrainDisplay } from "./train-display.js";

const MOST_ROWS = 8;
const REDRAW_MS = 125;

type EventOf<K extends SearchEvent["kind"]> = Extract<SearchEvent, { readonly kind: K }>;

/** Shows a search: in a terminal a table of the best trials that is redrawn, otherwise a line for each result. */
export class SearchDisplay {
  private readonly run = new TrainDisplay(() => {});
  private results: TrialResult[] = [];
  private readonly settings = new Map<number, string>();
  private names: ReadonlyMap<string, string> = new Map();
  private metric: WatchedMetric = "auc";
  private trials = 0;
  private current = "";
  private drawnLines = 0;
  private drawnAt = 0;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  log(line: string): void {
    this.clear();
    this.run.log(line);
  }

  stop(): void {
    this.clear();
    this.run.stop();
  }

  readonly listen = (event: SearchEvent): void => {
    if (event.kind === "searchStarted") this.started(event);
    else if (event.kind === "trialStarted") this.trialStarted(event);
    else if (event.kind === "trialTrained") this.trialTrained(event);
    else if (event.kind === "trialEnded") this.trialEnded(event);
    else if (event.kind === "bestStarted") this.bestStarted(event);
    else this.run.listen(event);
  };

  private started({ runDir, space, metric, trials, results }: EventOf<"searchStarted">): void {
    this.names = shortNames(Object.keys(space));
    this.metric = metric as WatchedMetric;
    this.trials = trials;
    this.results = [...results];
    this.log(`Search in ${runDir}: ${plural(trials, "trial")}, best by valid ${metric}`);
    for (const [path, values] of Object.entries(space))
      this.log(filled(`  ${path}: ${valueWords(values)}`, "    "));
  }

  private trialStarted({ trial, settings, part }: EventOf<"trialStarted">): void {
    this.settings.set(trial, this.wordsOf(settings));
    this.current = `trial ${trial} to ${percent(part)}`;
    this.draw(0);
  }

  private trialTrained({ step, steps, loss }: EventOf<"trialTrained">): void {
    const [name] = this.current.split(":");
    this.current = `${name}: ${percent(Math.min(1, step / steps))}, loss ${loss.toFixed(4)}`;
    this.draw(REDRAW_MS);
  }

  private trialEnded({ result, settings }: EventOf<"trialEnded">): void {
    this.settings.set(result.trial, this.wordsOf(settings));
    this.results.push(result);
    if (!this.stream.isTTY)
      this.log(filled(`trial ${result.trial}: ${this.outcome(result)}, ${this.wordsOf(settings)}`, "  "));
  }

  private bestStarted({ trial, runDir }: EventOf<"bestStarted">): void {
    for (const line of this.stream.isTTY ? this.table() : []) this.log(filled(line, " ".repeat(13)));
    this.log(`Training trial ${trial}, the best, to its end in ${runDir}`);
  }

  private wordsOf(settings: readonly Setting[]): string {
    const named = settings.map(({ path, value }) => ({ path: this.names.get(path) ?? path, value }));
    return settingWords(named) || "the config as it is";
  }

  private outcome({ step, value, failure }: TrialResult): string {
    return value === undefined ? `failed: ${failure}` : `${this.metric} ${value.toFixed(4)} at step ${step}`;
  }

  /** The latest result of each trial, best first. */
  private table(): string[] {
    const latest = new Map(this.results.map((result) => [result.trial, result]));
    const sign = directionOf(this.metric) === "max" ? -1 : 1;
    const worst = Number.POSITIVE_INFINITY;
    const key = ({ value }: TrialResult) => (value === undefined ? worst : sign * value);
    const best = [...latest.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1)).slice(0, MOST_ROWS);
    return best.map(
      (result) =>
        `  trial ${String(result.trial).padEnd(4)} ${this.outcome(result)}  ${this.settings.get(result.trial) ?? ""}`,
    );
  }

  private draw(atLeastMs: number): void {
    if (!this.stream.isTTY || performance.now() - this.drawnAt < atLeastMs) return;
    this.clear();
    const started = new Set(this.settings.keys()).size;
    const lines = [`${started}/${this.trials} trials; ${this.current}`, ...this.table()];
    const width = (this.stream.columns || 80) - 1;
    this.stream.write(`${lines.map((line) => line.slice(0, width)).join("\n")}\n`);
    this.drawnLines = lines.length;
    this.drawnAt = performance.now();
  }

  private clear(): void {
    // The cursor is not in the first column where the terminal has echoed a key, such as ^C.
    if (this.drawnLines > 0) this.stream.write(`\r\u001b[${this.drawnLines}A\u001b[J`);
    this.drawnLines = 0;
  }
}
