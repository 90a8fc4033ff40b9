/** The commands and what they do. In a file of its own, because the commands themselves load DuckDB and more. */
export const DESCRIPTIONS = {
  train: "Train a model from a config, then measure it on the test split",
  eval: "Measure a trained model on a split, or on other labelled files",
  predict: "Score files of any size into a csv or parquet file",
  inspect: "Show the features, parameters, graph and program of a run, a checkpoint or a config",
  doctor: "Check what this machine offers and what is missing",
  bench: "Measure training and inference on synthetic data of published model shapes",
  import: "Turn a config of another system (TorchEasyRec) into a Pairloom config, and its weights into a run",
} as const;

export type CommandName = keyof typeof DESCRIPTIONS;
