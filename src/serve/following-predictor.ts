import { basename } from "node:path";
import type { Config } from "../config/config.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { FollowedVersions } from "../saved/follow.js";
import type { Rows } from "./cells.js";
import type { Predictor } from "./predictor.js";
import type { RankedItem, RankRequest } from "./rank.js";

/** A predictor, and the name of the version that it was opened from. */
export interface OpenedVersion<Row, Label extends string> {
  readonly dir: string;
  readonly predictor: Predictor<Row, Label>;
}

/**
 * A predictor of the newest version in a directory. Each call uses one version from its beginning to its end. Calls and properties
 * without an `await` between them use the same one; to use one for longer, keep {@link current}.
 */
export class FollowingPredictor<Row = Readonly<Record<string, unknown>>, Label extends string = string>
  implements Pick<Predictor<Row, Label>, keyof Predictor<Row, Label>>
{
  constructor(private readonly versions: FollowedVersions<OpenedVersion<Row, Label>>) {}

  /** The predictor of the newest version, which stays at it. */
  get current(): Predictor<Row, Label> {
    return this.versions.current.predictor;
  }

  /** The name of the newest version, such as `step-00000500`. */
  get version(): string {
    return basename(this.versions.current.dir);
  }

  get config(): Config {
    return this.current.config;
  }

  get features(): FittedFeatures {
    return this.current.features;
  }

  get labels(): readonly Label[] {
    return this.current.labels;
  }

  get outputs(): number {
    return this.current.outputs;
  }

  get step(): number {
    return this.current.step;
  }

  predict(rows: Rows<Row>): Float32Array {
    return this.current.predict(rows);
  }

  predictLabels(rows: Rows<Row>): Readonly<Record<Label, Float32Array>> {
    return this.current.predictLabels(rows);
  }

  predictOne(row: Row): number {
    return this.current.predictOne(row);
  }

  logits(rows: Rows<Row>): Float32Array {
    return this.current.logits(rows);
  }

  rank(request: RankRequest<Row, Label>): RankedItem[] {
    return this.current.rank(request);
  }

  translate(feature: string, values: readonly unknown[]): Float64Array {
    return this.current.translate(feature, values);
  }

  /** Closes, and frees the memory of the model. */
  [Symbol.dispose](): void {
    void this.close();
    this.current[Symbol.dispose]();
  }

  /** Looks for no newer version from now on. The one that is open can still predict. */
  close(): Promise<void> {
    return this.versions.close();
  }
}
