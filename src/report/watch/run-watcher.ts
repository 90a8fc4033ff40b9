import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isLocked } from "../../checkpoint/index.js";
import { REPORT } from "../../saved/run-directory.js";
import { logsOf } from "../curves.js";
import { gatherLogged } from "../gather.js";
import type { ReportData } from "../report-data.js";

/** How often the files of the run are looked at. Notices of the file system are not reliable on network disks. */
const LOOK_MS = 250;

/** Follows the files of a run that another process writes: one that trains, is resumed, or has ended. */
export class RunWatcher {
  onCurves: (data: ReportData) => void = () => undefined;
  /** The run has ended, and everything about it is known. */
  onReport: () => void = () => undefined;
  private seen: Seen = { log: "", end: "" };

  private constructor(
    private readonly runDir: string,
    private readonly gatherAll: () => Promise<ReportData>,
    private latest: ReportData,
  ) {}

  /**
   * @param gatherAll everything about the run, with what scoring says; called when the run has ended
   * @throws CheckpointError if the directory is not a run
   */
  static async of(runDir: string, gatherAll: () => Promise<ReportData>): Promise<RunWatcher> {
    return new RunWatcher(runDir, gatherAll, await gatherLogged(runDir));
  }

  get data(): ReportData {
    return this.latest;
  }

  /** Looks at the files until the signal. @throws what `gatherAll` throws */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Looks at the files once, and tells what has changed. */
  async look(): Promise<void> {
    const [before, now] = [this.seen, await seenIn(this.runDir)];
    this.seen = now;
    if (now.end !== before.end && now.end !== "") {
      this.latest = await this.gatherAll();
      this.onReport();
    } else if (now.log !== before.log) {
      this.latest = await gatherLogged(this.runDir);
      this.onCurves(this.latest);
    }
  }
}

interface Seen {
  /** The state of the log, and whether a process writes to the run. */
  readonly log: string;
  /** The state of the report; empty as long as a process writes to the run. */
  readonly end: string;
}

async function seenIn(runDir: string): Promise<Seen> {
  const state = (path: string) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : "";
  };
  const trains = await isLocked(runDir);
  const logs = logsOf(runDir).map(({ path }) => state(path));
  return { log: `${trains} ${logs.join()}`, end: trains ? "" : state(join(runDir, REPORT)) };
}
