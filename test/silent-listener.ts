import type { RunListener } from "../src/run/train-run.js";

const nothing = () => undefined;

/** Of a run that nobody watches. */
export const silentListener: RunListener = {
  preparing: nothing,
  prepared: nothing,
  training: () => ({}),
  trained: nothing,
  measuring: () => nothing,
};
