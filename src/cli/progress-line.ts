/** The content of a progress line. */
export interface ProgressState {
  /** The current phase: `epoch 2/3`, `valid`. */
  label: string;
  rows: number;
  totalRows: number;
  /** Rows per second; undefined at first. */
  rowsPerSecond?: number;
  /** Smoothed training loss. */
  loss?: number;
  /** Metrics of the rows so far, by name. */
  metrics?: Readonly<Record<string, number>>;
}

/** Metrics whose names are too long for a line. */
const SHORT_NAMES: Readonly<Record<string, string>> = { meanAbsoluteError: "mae" };

const LONGEST_BAR = 30;
const SHORTEST_BAR = 8;
const GAP = "  ";

/**
 * One line of at most `columns` characters. Every field has a fixed width, so nothing moves when numbers change. In a narrow
 * terminal the bar gets shorter and disappears, then fields from the right, except the remaining time.
 */
export function formatProgressLine(state: ProgressState, columns: number): string {
  const percent = `${String(Math.floor(100 * share(state))).padStart(3)}%`;
  const fields = [...fieldsOf(state)];
  const left = timeLeft(state);
  const tail = () => [percent, ...fields, left].join(GAP);
  while (fields.length > 0 && state.label.length + GAP.length + tail().length > columns) fields.pop();
  const room = columns - state.label.length - 2 * GAP.length - tail().length;
  const bar = room >= SHORTEST_BAR ? [formatBar(share(state), Math.min(room, LONGEST_BAR))] : [];
  return [state.label, ...bar, tail()].join(GAP).slice(0, columns);
}

/** A line for a log file: no bar, no padding. */
export function formatPlainLine(state: ProgressState): string {
  const percent = `${Math.floor(100 * share(state))}%`;
  const [rate, ...fields] = fieldsOf(state);
  // A phase may end before there is a rate.
  const known = state.rowsPerSecond === undefined ? [] : [rate];
  const left = known.length > 0 && state.rows < state.totalRows ? [timeLeft(state)] : [];
  return [state.label, percent, ...known, ...fields, ...left].map((field) => field.trim()).join(GAP);
}

function* fieldsOf({ rowsPerSecond, loss, metrics = {} }: ProgressState): Generator<string> {
  yield `${rowsPerSecond === undefined ? "-" : formatCount(rowsPerSecond)}`.padStart(5).concat(" samples/s");
  if (loss !== undefined) yield `loss ${formatLoss(loss)}`;
  for (const [name, value] of Object.entries(metrics))
    yield `${SHORT_NAMES[name] ?? name} ${formatLoss(value)}`;
}

function share({ rows, totalRows }: ProgressState): number {
  return totalRows === 0 ? 1 : Math.min(1, rows / totalRows);
}

function timeLeft({ rows, totalRows, rowsPerSecond }: ProgressState): string {
  const seconds = rowsPerSecond ? Math.max(0, totalRows - rows) / rowsPerSecond : undefined;
  return `${(seconds === undefined ? "-:--" : formatDuration(seconds)).padStart(5)} left`;
}

/** Half cells double the resolution of the bar. */
function formatBar(done: number, width: number): string {
  const halves = Math.floor(done * width * 2);
  const full = Math.floor(halves / 2);
  const half = halves % 2 === 1 ? "╸" : "";
  return "━".repeat(full) + half + "─".repeat(width - full - half.length);
}

/** Three significant digits with a suffix: `950`, `1.64k`, `164k`, `1.20M`; at most five characters below 10^12. */
export function formatCount(value: number): string {
  for (const [unit, suffix] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    // 999,600 rounds to 1.00M, not to 1000k.
    if (value >= unit * 0.9995) return `${threeDigits(value / unit)}${suffix}`;
  }
  return value >= 99.95 ? value.toFixed(0) : threeDigits(value);
}

function threeDigits(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** Seconds as `0:42`, `12:05`, `1:02:33`, and from one day `2d 03h`. */
export function formatDuration(seconds: number): string {
  const total = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60)];
  if (hours >= 24) return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

/** Six characters for any loss below 10,000. */
function formatLoss(loss: number): string {
  const digits = loss < 10 ? 4 : loss < 100 ? 3 : loss < 1000 ? 2 : 1;
  return loss.toFixed(digits);
}
