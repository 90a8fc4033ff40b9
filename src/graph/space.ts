/** The memory space of a buffer of a compiled program; see docs/design/program-format.md. */
export type Space =
  | "parameter"
  | "scalar"
  | "fixed"
  | "partial"
  | "tile"
  | "batch"
  | "exchange"
  | "entries"
  | "tileEntries";
