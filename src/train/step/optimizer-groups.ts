import { ConfigError } from "../../errors.js";
import type { Schedule } from "../schedules.js";
import type { DenseOptimizer, EmbeddingOptimizer, L2, Optimizers } from "./optimizers.js";
import { wholeName } from "./patterns.js";

export type Part = "dense" | "embedding";

/** The scalar inputs of a training program for optimizers without a pattern. */
export const LEARNING_RATES = { dense: "learning_rate.dense", embedding: "learning_rate.embedding" } as const;

/** A learning rate that a run passes to its program: one per optimizer in the config. */
export interface LearningRate {
  /** Name of the scalar. */
  readonly name: string;
  readonly base: number;
  readonly schedule: Schedule;
}

/** The schedule of an optimizer that has none. */
const CONSTANT: Schedule = { kind: "constant", by: "step" };

/** All learning rates of a config; those of overrides are named `learning_rate.<part>.<index>`. */
export function learningRates({ dense, embedding, overrides }: Optimizers): LearningRate[] {
  const rate = (
    name: string,
    { learningRate: base, schedule = CONSTANT }: DenseOptimizer | EmbeddingOptimizer,
  ) => {
    return { name, base, schedule };
  };
  const own = overrides.flatMap(({ dense, embedding }, i) => [
    ...(dense ? [rate(`${LEARNING_RATES.dense}.${i}`, dense)] : []),
    ...(embedding ? [rate(`${LEARNING_RATES.embedding}.${i}`, embedding)] : []),
  ]);
  return [rate(LEARNING_RATES.dense, dense), rate(LEARNING_RATES.embedding, embedding), ...own];
}

interface Settings<Optimizer> {
  readonly optimizer: Optimizer;
  /** The scalar that holds its learning rate. */
  readonly rate: string;
  readonly l2: number;
}

/** Selects the optimizer of each parameter. */
export class OptimizerChoice {
  private readonly patterns: readonly RegExp[];
  private readonly used = new Set<number>();

  constructor(
    private readonly optimizers: Optimizers,
    private readonly l2: L2,
  ) {
    this.patterns = optimizers.overrides.map(({ pattern }) => wholeName(pattern));
  }

  dense(name: string): Settings<DenseOptimizer> {
    return this.of("dense", name) as Settings<DenseOptimizer>;
  }

  table(name: string): Settings<EmbeddingOptimizer> {
    return this.of("embedding", name) as Settings<EmbeddingOptimizer>;
  }

  /**
   * @throws ConfigError for a pattern that no parameter matched: it is misspelled, or an earlier pattern matches the
   * same names
   */
  checkAllUsed(names: readonly string[]): void {
    const unused = this.patterns.findIndex((_, i) => !this.used.has(i));
    if (unused < 0) return;
    throw new ConfigError({
      what: "an override matches no parameter",
      where: `train.optimizer.overrides[${unused}].pattern`,
      got: this.optimizers.overrides[unused].pattern,
      expected: `a regular expression for the whole name of a parameter: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`,
      next: "Correct the pattern, or put it before the one that matches the same names (the first counts).",
    });
  }

  private of(part: Part, name: string): Settings<DenseOptimizer | EmbeddingOptimizer> {
    const index = this.patterns.findIndex((pattern) => pattern.test(name));
    if (index >= 0) this.used.add(index);
    const override = this.optimizers.overrides[index];
    const optimizer = override?.[part];
    return {
      optimizer: optimizer ?? this.optimizers[part],
      rate: optimizer ? `${LEARNING_RATES[part]}.${index}` : LEARNING_RATES[part],
      l2: override?.l2 ?? this.l2[part],
    };
  }
}
