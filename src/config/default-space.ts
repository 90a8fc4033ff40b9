import { ConfigError } from "../errors.js";
import { type Config, configWith, resolveConfig } from "./config.js";
import { leavesOf } from "./paths.js";
import { outerValues, type SearchSpace } from "./search-space.js";

type Space = SearchSpace[string];

/** A decade below the value and one above. */
const around = (value: number): Space => ({
  log: [Number((value / 10).toPrecision(3)), Number((value * 10).toPrecision(3))],
});

/** Half, the same and twice the units of each layer. */
const layers = (units: readonly number[]): Space => ({
  choice: [0.5, 1, 2].map((factor) => units.map((count) => Math.max(1, Math.round(count * factor)))),
});

/** What is worth a search, by the end of its path. */
const WORTHWHILE: readonly (readonly [RegExp, (value: never) => Space | undefined])[] = [
  [/^train\.optimizer\.(dense|embedding)\.learningRate$/, around],
  [/^train\.l2\.embedding$/, (value: number) => around(value || 1e-6)],
  [/^model\.embeddingDim$/, (dim: number) => ({ choice: [dim / 2, dim, dim * 2].filter(Number.isInteger) })],
  [/^model\.(.*\.)?dropout$/, (): Space => ({ uniform: [0, 0.5] })],
  [
    /^model\.(.*\.)?hiddenUnits$/,
    (units: readonly number[]) => (units.length > 0 ? layers(units) : undefined),
  ],
];

/**
 * The space for a config without a `search` section: learning rates, the l2 of embeddings, and the sizes and dropout of the
 * model, as far as they can be changed one by one.
 * @param written the config as written
 */
export function defaultSpace(written: unknown): SearchSpace {
  const candidates = [...leavesOf(resolveConfig(written))].flatMap(([path, value]) => {
    const space = WORTHWHILE.find(([pattern]) => pattern.test(path))?.[1](value as never);
    return space ? [[path, space] as const] : [];
  });
  return Object.fromEntries(candidates.filter(([path, space]) => isValid(written, path, space)));
}

function isValid(written: unknown, path: string, space: Space): boolean {
  try {
    checkValues(written, path, space);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** @throws ConfigError for the first value at the ends of the space that the config does not take */
function checkValues(written: unknown, path: string, space: Space): void {
  for (const value of outerValues(space)) resolveConfig(configWith(written, [{ path, value }]));
}

/**
 * Checks each path of a space by itself, before anything is trained.
 * @throws ConfigError
 */
export function checkSpace(written: unknown, space: SearchSpace): void {
  for (const [path, values] of Object.entries(space))
    try {
      checkValues(written, path, values);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { where, ...report } = error.report;
      const at = where === path || where === undefined ? "" : `: ${where}`;
      throw new ConfigError({ ...report, where: `search[${JSON.stringify(path)}]${at}` }, { cause: error });
    }
}

/** A config for one trial: one seed, no `search` section, and nothing is published. */
export function trialConfig(written: unknown, settings: Parameters<typeof configWith>[1]): Config {
  const { search: _, ...config } = resolveConfig(configWith(written, settings));
  const { seeds: _seeds, publish: _publish, ...train } = config.train;
  return { ...config, train };
}
