import type { ScheduleInput } from "../train/schedules.js";
import type { Section } from "./section.js";

/** A base learning rate with its schedule. */
export interface LearningRate {
  readonly learningRate: number;
  readonly schedule?: ScheduleInput;
}

/**
 * The base learning rate of an optimizer, and the schedule beside it. In TorchEasyRec a rate of 0 stays 0 under any schedule, also
 * under one with rates of its own: the weights are frozen.
 * @param optimizer the section with the schedule, such as `dense_optimizer`
 * @param settings the section with `lr`
 */
export function learningRate(optimizer: Section, settings: Section): LearningRate {
  const base = settings.number("lr")!;
  const name = optimizer.which("learning_rate");
  if (name === undefined) return { learningRate: base };
  const rate = SCHEDULES[name](base, optimizer.section(name)!);
  return base === 0 ? { learningRate: 0 } : rate;
}

const byOf = (section: Section) => (section.boolean("by_epoch") ? { by: "epoch" as const } : {});

/** The settings of all schedules that decay. */
function common(section: Section) {
  const length = section.number("warmup_size")!;
  const from = section.number("warmup_learning_rate")!;
  if (length === 0) section.ignore(["warmup_learning_rate"], "has no effect without warmup_size");
  const minLearningRate = section.number("min_learning_rate")!;
  return {
    ...(minLearningRate !== 0 && { minLearningRate }),
    ...(length > 0 && { warmup: { length, from } }),
    ...byOf(section),
  };
}

/** A length that TorchEasyRec needs too. @throws ImportError */
const lengthOf = (section: Section, name: string): number =>
  section.number(name) || (section.has(name) ? 0 : section.missing(name));

const SCHEDULES: Readonly<Record<string, (base: number, section: Section) => LearningRate>> = {
  constant_learning_rate: (base) => ({ learningRate: base }),

  exponential_decay_learning_rate: (base, section) => ({
    learningRate: base,
    schedule: {
      kind: "exponential",
      rate: section.number("decay_factor")!,
      steps: lengthOf(section, "decay_size"),
      staircase: section.boolean("staircase"),
      ...common(section),
    },
  }),

  cosine_annealing_learning_rate: (base, section) => ({
    learningRate: base,
    schedule: { kind: "cosine", steps: lengthOf(section, "T_max"), ...common(section) },
  }),

  cosine_annealing_warm_restarts_learning_rate: (base, section) => ({
    learningRate: base,
    schedule: {
      kind: "cosineRestarts",
      steps: lengthOf(section, "T_0"),
      growth: section.number("T_mult"),
      ...common(section),
    },
  }),

  manual_step_learning_rate: manual,
};

/** With a warm-up, the rate grows from the base to the first rate of the list, which is then the base. */
function manual(base: number, section: Section): LearningRate {
  const sizes = section.numbers("schedule_sizes");
  if (sizes.some((size, i) => size <= (sizes[i - 1] ?? -1)))
    throw section.error("schedule_sizes", {
      what: "the boundaries do not ascend",
      got: JSON.stringify(sizes),
      expected: "steps, each larger than the one before",
      next: "Put the boundaries in order, with their learning_rates.",
    });
  // In TorchEasyRec a rate starts in the step after its boundary.
  const boundaries = sizes.map((boundary) => boundary + 1);
  const learningRates = section.numbers("learning_rates");
  const by = byOf(section);
  if (!section.boolean("warmup"))
    return { learningRate: base, schedule: { kind: "manual", boundaries, learningRates, ...by } };
  for (const needed of ["schedule_sizes", "learning_rates"])
    if (!section.has(needed)) section.missing(needed);
  const [after, ...later] = boundaries;
  const [first, ...rates] = learningRates;
  const length = after - 1;
  const warmup = { length, from: base };
  const shifted = later.map((boundary) => boundary - length);
  return {
    learningRate: first,
    schedule:
      shifted.length === 0
        ? { kind: "constant", warmup, ...by }
        : { kind: "manual", boundaries: shifted, learningRates: rates, warmup, ...by },
  };
}
