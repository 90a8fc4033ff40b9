/** The commands and what they do. In a file of its own, because the commands themselves load DuckDB and more. */
export const DESCRIPTIONS = {
  init: "Look at a table and write a config that trains on it",
  stats: "Show the columns of a table: values, missing ones, what they say about the label, drift",
  train: "Train a model from a config, then measure it on the test split",
  eval: "Measure a trained model on a split, or on other labelled files",
  predict: "Score files of any size into a csv or parquet file",
  serve: "Serve a model over HTTP: predictions, rankings, metrics, newer versions while it serves",
  export: "Write a trained model as ONNX or safetensors for other programs, or as a bundle for serving",
  search:
    "Try settings of a config, train the best ones longer, and measure the best of all on the test split",
  runs: "Compare the runs in a directory: their metrics, and the settings in which they differ",
  report: "Write a page about a run: curves, metrics, calibration, importance, field pairs, warnings",
  watch: "Show the page of a run in the browser while it trains",
  inspect: "Show the features, parameters, graph and program of a run, a checkpoint or a config",
  tables: "List the embedding tables of a run, look up ids, export rows with keys and vectors",
  plan: "Plan which rank keeps which table: memory, time of a step, what does not fit and ways out",
  launch: "Start a command as several ranks, on this machine or on several",
  doctor: "Check what this machine offers and what is missing",
  "build-native": "Build the native core from source, where no prebuilt one is installed",
  bench: "Measure training and inference on synthetic data of published model shapes",
  import: "Turn a config of another system (TorchEasyRec) into a Pairloom config, and its weights into a run",
} as const;

export type CommandName = keyof typeof DESCRIPTIONS;
