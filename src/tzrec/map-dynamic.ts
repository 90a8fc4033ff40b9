import type { TableInitializer } from "../layers/initializer.js";
import type { Section } from "./section.js";

/**
 * TorchEasyRec's tables that give rows to ids while they are trained: `dynamicemb`, and the older `zch`. What has another
 * meaning here is refused.
 */

interface DynamicRows {
  readonly mapping: Readonly<Record<string, unknown>>;
  readonly rows: number;
  readonly sameRows: false;
  readonly isDynamic: true;
}

/** `dynamicemb`. @throws ImportError */
export function dynamicRows(feature: Section): DynamicRows {
  const section = feature.required("dynamicemb");
  const capacity = section.number("max_capacity") ?? section.missing("max_capacity");
  section.ignore(
    ["cache_load_factor", "init_capacity_per_rank", "bucket_capacity"],
    "concerns the memory of a GPU: the table grows by itself, and eviction looks at all of it",
  );
  const evict = evictionOf(section);
  const unknown = unknownVector(section);
  const dynamic = { capacity, evict, ...admission(section, evict), ...unknown, ...seedOf(section) };
  const initializer = startOf(section, [capacity, feature.number("embedding_dim") ?? 1]);
  return { mapping: { dynamic, initializer }, rows: capacity, sameRows: false, isDynamic: true };
}

/** `zch`: the last row of the table is shared by ids without a row. @throws ImportError */
export function zeroCollisionRows(feature: Section): DynamicRows {
  const section = feature.required("zch");
  const size = section.number("zch_size") ?? section.missing("zch_size");
  if (section.number("eviction_interval") !== 1)
    throw section.error(section.has("eviction_interval") ? "eviction_interval" : "zch_size", {
      what: "rows that are given out every few steps have no counterpart",
      got: `an eviction_interval of ${section.number("eviction_interval")}`,
      expected: "1: ids get rows in the step in which they occur",
      next: "Set eviction_interval: 1.",
    });
  if (section.has("threshold_filtering_func"))
    throw section.unsupported(
      "threshold_filtering_func",
      "Remove it, and set dynamic.admit in the config that the import writes.",
    );
  const evict = section.neededOf("eviction_policy");
  if (evict === "distance_lfu")
    throw section.unsupported("distance_lfu", "Use lfu or lru; the nearest here is evict: lfuDecay.");
  // An older last use has a lower score for every exponent.
  section.section(evict)!.number("decay_exponent");
  return {
    mapping: { dynamic: { capacity: size - 1, evict, unknown: "shared" } },
    rows: size,
    sameRows: false,
    isDynamic: true,
  };
}

/** A file whose first column has ids, and whose second one has their vectors. */
function seedOf(section: Section): { seedFrom?: string } {
  if (!section.has("init_table")) return {};
  const seedFrom = section.text("init_table")!;
  if (/^[^*?[]+\.(parquet|csv)$/i.test(seedFrom)) return { seedFrom };
  throw section.error("init_table", {
    what: "vectors to start from are read from one file here",
    got: seedFrom,
    expected: "the name of a file that ends in .parquet or .csv",
    next: "Write the table to a Parquet file with the columns id and vector, and name that.",
  });
}

const EVICTIONS: Readonly<Record<string, "lru" | "lfu">> = { STEP: "lru", TIMESTAMP: "lru", LFU: "lfu" };

function evictionOf(section: Section): "lru" | "lfu" {
  const strategy = section.text("score_strategy")!;
  if (Object.hasOwn(EVICTIONS, strategy)) return EVICTIONS[strategy];
  throw section.error("score_strategy", {
    what: "this order of eviction has no counterpart",
    expected: Object.keys(EVICTIONS).join(", "),
    next: 'Use one of them. With evict: "never" training would stop when the table is full.',
  });
}

function admission(section: Section, evict: "lru" | "lfu"): { admit?: { count: number } } {
  const strategy = section.section("frequency_admission_strategy");
  if (!strategy) return {};
  const count = strategy.number("threshold") ?? strategy.missing("threshold");
  strategy.ignore(["counter_capacity", "counter_bucket_capacity"], "every id is counted exactly");
  if (evict === "lru" && count > 1)
    throw strategy.error("threshold", {
      what: "batches in which an id occurs are counted there, and occurrences here",
      expected: "score_strategy LFU, which counts occurrences in both",
      next: "Remove the strategy, and set dynamic.admit in the config that the import writes.",
    });
  return { admit: { count } };
}

/** The vector of ids without a row. Drawn ones change with every batch there. */
function unknownVector(section: Section): { unknown?: TableInitializer } {
  const strategy = section.section("frequency_admission_strategy");
  const given = [
    [section, "eval_initializer_args"],
    [strategy, "initializer_args"],
  ] as const;
  const values = given.flatMap(([each, name]) => {
    const args = each?.section(name);
    if (!args) return each ? [0] : [];
    if ((args.text("mode") ?? "CONSTANT") === "CONSTANT") return [args.number("value")!];
    throw each!.unsupported(name, "Use the mode CONSTANT.");
  });
  const [value, other = value] = values;
  if (other !== value)
    throw strategy!.error("initializer_args", {
      what: "ids without a row have one vector, in training and in evaluation",
      expected: `the value of eval_initializer_args, ${value}`,
      next: "Set both to the same value.",
    });
  return value === 0 ? {} : { unknown: { kind: "constant", value } };
}

function startOf(section: Section, [capacity, dim]: readonly [number, number]): TableInitializer {
  const args = section.section("initializer_args");
  const mode = args?.text("mode") || "UNIFORM";
  if (mode === "UNIFORM") {
    const bound = 1 / Math.sqrt(capacity);
    const [low, high] = [args?.number("lower") ?? -bound, args?.number("upper") ?? bound];
    const mean = (low + high) / 2;
    return { kind: "uniform", range: (high - low) / 2, ...(mean !== 0 && { mean }) };
  }
  if (mode === "NORMAL") {
    const mean = args!.number("mean")!;
    return {
      kind: "normal",
      std: args!.number("std_dev") ?? 1 / Math.sqrt(dim),
      ...(mean !== 0 && { mean }),
    };
  }
  if (mode === "CONSTANT") return { kind: "constant", value: args!.number("value")! };
  throw section.unsupported("initializer_args", "Use the mode UNIFORM, NORMAL or CONSTANT.");
}
