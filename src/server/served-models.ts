import { ConfigError, DataError } from "../errors.js";
import { murmur3 } from "../murmur3.js";
import { nearNames } from "../near-names.js";
import { ownValue } from "../own-value.js";
import type { EventStore } from "../serve/event-store.js";
import { notReloaded } from "./refusals.js";
import { type ModelOptions, type ModelSource, openServed, type ServedModel } from "./served-model.js";

/** The models of a server. */
export class ServedModels {
  private constructor(readonly all: readonly ServedModel[]) {}

  /** @throws ConfigError for names that are not unique and shares above 1 together; what {@link openServed} throws */
  static async open(sources: readonly ModelSource[], options: ModelOptions): Promise<ServedModels> {
    checkSources(sources);
    const all: ServedModel[] = [];
    for (const source of sources) all.push(await openServed(source, options));
    return new ServedModels(all);
  }

  get names(): string[] {
    return this.all.map(({ source }) => source.name);
  }

  /** The version of each model. */
  get versions(): { readonly name: string; readonly version: string }[] {
    return this.all.map(({ source, current }) => ({ name: source.name, version: current.name }));
  }

  /**
   * The model that answers a request.
   * @param name that the request gives
   * @param key requests with the same key have the same model; without it, the model is drawn
   */
  choose(name: string | undefined, key: string | undefined): ServedModel {
    if (name !== undefined) return this.named(name);
    if (this.all.length === 1) return this.all[0];
    let draw = key === undefined ? Math.random() : murmur3(Buffer.from(key)) / 2 ** 32;
    for (const model of this.all.slice(1)) {
      draw -= model.source.share ?? 0;
      if (draw < 0) return model;
    }
    return this.all[0];
  }

  /** Of all models, the sequences that have a store of events. */
  get sequences(): string[] {
    return [...new Set(this.all.flatMap(({ current }) => Object.keys(current.predictor.events)))];
  }

  /** The stores of a sequence, one for each model that has it. */
  storesOf(sequence: string): EventStore[] {
    const stores = this.all.flatMap(
      ({ current: { predictor } }) => ownValue(predictor.events, sequence) ?? [],
    );
    if (stores.length > 0) return stores;
    throw new DataError({
      what: "there is no store of events for this sequence",
      where: sequence,
      expected:
        this.sequences.length === 0 ? "a server with --events" : `one of ${this.sequences.join(", ")}`,
      next: "Start the server with --events name=file.",
    });
  }

  /** @throws RequestError if the version that is to be served cannot be; the other models are reloaded */
  async reload(): Promise<void> {
    const results = await Promise.allSettled(this.all.map((model) => model.reload()));
    for (const [i, result] of results.entries())
      if (result.status === "rejected") throw notReloaded(this.all[i], result.reason);
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((model) => model.close()));
  }

  private named(name: string): ServedModel {
    const found = this.all.find(({ source }) => source.name === name);
    if (found) return found;
    throw new DataError({
      what: "there is no such model",
      where: "model",
      got: name,
      expected: `one of ${nearNames(name, this.names).join(", ")}`,
      next: "Name one of them, or none: then the server chooses.",
    });
  }
}

function checkSources(sources: readonly ModelSource[]): void {
  const names = sources.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  const shares = sources.reduce((sum, { share = 0 }) => sum + share, 0);
  if (twice !== undefined)
    throw new ConfigError({
      what: "two models have the same name",
      where: "--model",
      got: twice,
      expected: "a name for each model",
      next: "Choose another name.",
    });
  if (shares > 1)
    throw new ConfigError({
      what: "the shares of the models are more than 100 %",
      where: "--split",
      got: `${shares * 100} %`,
      expected: "at most 100 % together",
      next: "Lower the shares.",
    });
}
