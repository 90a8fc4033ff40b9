import { EXIT } from "./failure.js";

/**
 * What Ctrl-C does: while there is something worth saving the first asks the work to stop and the second ends the
 * process; at any other time the first ends it.
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

  /** @param notice called at the first Ctrl-C that asks rather than ends */
  constructor(private readonly notice: () => void) {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** From now on the first Ctrl-C asks. */
  ask(): void {
    this.asks = true;
  }

  stop(): void {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.onSignal);
  }
}
