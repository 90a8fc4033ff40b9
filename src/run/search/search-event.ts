import type { SearchSpace } from "../../config/search-space.js";
import type { Setting } from "../../config/settings.js";
import type { RunEvent } from "../run-event.js";
import type { TrialResult } from "./search-record.js";

/** The events of a search. Those of a run are about the data, and about the best trial at the end. */
export type SearchEvent =
  | {
      readonly kind: "searchStarted";
      readonly runDir: string;
      readonly space: SearchSpace;
      readonly metric: string;
      readonly trials: number;
      /** The results of the search that is resumed. */
      readonly results: readonly TrialResult[];
    }
  | {
      readonly kind: "trialStarted";
      readonly trial: number;
      readonly settings: readonly Setting[];
      /** Until which part of the whole training. */
      readonly part: number;
    }
  | {
      readonly kind: "trialTrained";
      readonly trial: number;
      readonly step: number;
      /** Steps of the whole training. */
      readonly steps: number;
      readonly loss: number;
    }
  | { readonly kind: "trialEnded"; readonly result: TrialResult; readonly settings: readonly Setting[] }
  | { readonly kind: "bestStarted"; readonly trial: number; readonly runDir: string }
  | RunEvent;
