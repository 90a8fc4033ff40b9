import { EXIT } from "./failure.js";

/** Ctrl-C, the end of a machine, and what mpirun of Open MPI passes on to ranks. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGUSR2"] as const;

/**
 * Handles Ctrl-C. While there is something to save, the first Ctrl-C asks the work to stop and the second ends the process;
 * at other times the first one ends it.
 */
export class Interrupt {
  private readonly controller = new AbortController();
  private asks = false;
  private readonly onSignal = () => {
    if (this.asks && !this.signal.aborted) {
      this.controller.abort();
      this.notice();
    } else process.exit(EXIT.interrupted);
  };

  /** @param notice called when a Ctrl-C asks the work to stop */
  constructor(private readonly notice: () => void) {
    for (const name of SIGNALS) process.on(name, this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** From now on the first Ctrl-C asks the work to stop. */
  ask(): void {
    this.asks = true;
  }

  stop(): void {
    for (const name of SIGNALS) process.off(name, this.onSignal);
  }
}
