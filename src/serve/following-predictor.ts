/// <reference lib="esnext.disposable" preserve="true" />
import type { Config } from "../config/config.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { FollowedVersions } from "../saved/follow.js";
import type { Rows } from "./cells.js";
import type { FollowedModel } from "./followed-model.js";
import type { Predictor } from "./predictor.js";
import type { RankedItem, RankRequest } from "./rank.js";

/**
 * A predictor of the newest version in a directory. Each call uses one version from its beginning to its end. Calls and properties
 * without an `await` between them use the same one; to use one for longer, keep {@link current}.
 */
export class FollowingPredictor<Row = Readonly<Record<string, unknown>>, Label extends string = string>
  implements Pick<Predictor<Row, Label>, keyof Predictor<Row, Label>>
{
  constructor(private readonly versions: FollowedVersions<FollowedModel<Row, Label>>) {}

  /** The predictor of the newest version, which stays at it. The next version then gets memory of its own. */
  get current(): Predictor<Row, Label> {
    this.versions.current.isKept = true;
    return this.newest;
  }

  /** The name of the newest version, such as `step-00000500`. */
  get version(): string {
    return this.versions.current.model.checkpoint.name;
  }

  get config(): Config {
    return this.newest.config;
  }

  get features(): FittedFeatures {
    return this.newest.features;
  }

  get events(): Predictor<Row, Label>["events"] {
    return this.newest.events;
  }

  get rowColumns(): readonly string[] {
    return this.newest.rowColumns;
  }

  get labels(): readonly Label[] {
    return this.newest.labels;
  }

  get outputs(): number {
    return this.newest.outputs;
  }

  get step(): number {
    return this.newest.step;
  }

  predict(rows: Rows<Row>): Float32Array {
    return this.newest.predict(rows);
  }

  predictLabels(rows: Rows<Row>): Readonly<Record<Label, Float32Array>> {
    return this.newest.predictLabels(rows);
  }

  predictOne(row: Row): number {
    return this.newest.predictOne(row);
  }

  logits(rows: Rows<Row>): Float32Array {
    return this.newest.logits(rows);
  }

  rank(request: RankRequest<Row, Label>): RankedItem[] {
    return this.newest.rank(request);
  }

  translate(feature: string, values: readonly unknown[]): Float64Array {
    return this.newest.translate(feature, values);
  }

  /** Closes, and frees the memory of the model. */
  [Symbol.dispose](): void {
    void this.close();
    this.newest[Symbol.dispose]();
  }

  /** Looks for no newer version from now on. The one that is open can still predict. */
  close(): Promise<void> {
    return this.versions.close();
  }

  private get newest(): Predictor<Row, Label> {
    return this.versions.current.predictor;
  }
}
