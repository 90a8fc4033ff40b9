import type { Backend } from "../../backends/backend.js";
import type { Config } from "../../config/config.js";
import type { World } from "../../distributed/world.js";
import type { RunEvent } from "../run-event.js";

export interface ContinueOptions {
  readonly config: Config;
  readonly runDir: string;
  /** The file that the config is from. */
  readonly configPath?: string;
  /** The values of `--set`, which are part of the config already. */
  readonly settings?: readonly string[];
  readonly backend: Backend;
  /** The ranks that train together: rank 0 reads what is new. Default: this process. */
  readonly world?: World;
  /** Stops after the current step, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Stop where a topic ended when the run began to read it, instead of waiting for more messages. */
  readonly untilEnd: boolean;
  readonly listener: (event: RunEvent) => void;
}
