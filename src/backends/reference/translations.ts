import { ExecutionError, PairloomError } from "../../errors.js";
import type { Admission, DynamicSpec, IdPart, TranslationSpec } from "../../graph/translation.js";
import type { Draws } from "../backend.js";
import { checkDynamicSpec } from "../dynamic-spec.js";
import { ReferenceDynamicTable } from "./dynamic-table.js";
import { otherState, type ReferenceTranslation } from "./reference-translation.js";

export function referenceTranslation(spec: DynamicSpec, draws?: Draws): ReferenceDynamicTable;
export function referenceTranslation(spec: TranslationSpec, draws?: Draws): ReferenceTranslation;
export function referenceTranslation(spec: TranslationSpec, draws = { seed: 0, stream: 0 }) {
  if (spec.kind === "dynamic") return new ReferenceDynamicTable(checkDynamicSpec(spec), draws);
  if (spec.kind === "permutation") return new Permutation(spec.rows);
  return spec.kind === "firstCome" ? new FirstCome(spec.rows) : new Part(spec);
}

/** The translations during one step; `revert` undoes the changes of the step. */
export function stepTranslations(
  all: ReadonlyMap<string, ReferenceTranslation>,
  step: number,
): { readonly translations: ReadonlyMap<string, Admission>; revert(): void } {
  const admitted: ReferenceTranslation[] = [];
  const watched = [...all].map(([name, translation]): [string, Admission] => {
    const admit = (ids: BigInt64Array): Float64Array => {
      const rows = placed(() => translation.admit(ids, step), `translation ${name}, step ${step}`);
      admitted.push(translation);
      return rows;
    };
    return [name, { translate: (ids) => translation.translate(ids), admit, names: translation.names }];
  });
  const revert = (): void => {
    for (const translation of admitted) translation.revert();
  };
  return { translations: new Map(watched), revert };
}

function placed<T>(call: () => T, where: string): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof PairloomError ? new ExecutionError({ ...error.report, where }) : error;
  }
}

/** Training changes nothing. */
abstract class Fixed implements ReferenceTranslation {
  constructor(readonly rows: number) {}

  abstract translate(ids: BigInt64Array): Float64Array;

  admit(ids: BigInt64Array): Float64Array {
    return this.translate(ids);
  }

  revert(): void {}

  state(): BigInt64Array {
    return new BigInt64Array(0);
  }

  restore(state: BigInt64Array): void {
    if (state.length > 0) throw otherState(`${state.length} numbers`);
  }
}

class Permutation extends Fixed {
  constructor(private readonly row: readonly number[]) {
    super(row.length);
  }

  translate(ids: BigInt64Array): Float64Array {
    return Float64Array.from(ids, (id) => this.row[Number(id)] ?? this.refuse(id));
  }

  private refuse(id: bigint): never {
    throw new ExecutionError({ what: "an id has no row", got: `id ${id}`, expected: `below ${this.rows}` });
  }
}

class Part extends Fixed {
  constructor(private readonly part: IdPart) {
    super(part.rows);
  }

  translate(ids: BigInt64Array): Float64Array {
    const by = BigInt(this.part.by);
    return Float64Array.from(ids, (id) => {
      const row = this.part.kind === "quotient" ? id / by : id % by;
      if (row >= 0 && row < this.rows) return Number(row);
      throw new ExecutionError({
        what: "an id has no row",
        got: `id ${id}`,
        expected: `a ${this.part.kind} below ${this.rows}`,
      });
    });
  }
}

class FirstCome implements ReferenceTranslation {
  private rowOf = new Map<bigint, number>();
  private before = 0;

  constructor(readonly rows: number) {}

  translate(ids: BigInt64Array): Float64Array {
    return Float64Array.from(ids, (id) => this.rowOf.get(id) ?? 0);
  }

  admit(ids: BigInt64Array): Float64Array {
    this.before = this.rowOf.size;
    return Float64Array.from(ids, (id) => this.rowOf.get(id) ?? this.add(id));
  }

  revert(): void {
    this.rowOf = new Map([...this.rowOf].slice(0, this.before));
  }

  state(): BigInt64Array {
    return BigInt64Array.from(this.rowOf.keys());
  }

  restore(state: BigInt64Array): void {
    const restored = new FirstCome(this.rows);
    restored.admit(state);
    if (restored.rowOf.size < state.length) throw otherState("an id twice");
    this.rowOf = restored.rowOf;
  }

  private add(id: bigint): number {
    const row = this.rowOf.size + 1;
    if (row >= this.rows) {
      this.revert();
      throw new ExecutionError({
        what: "the table is full",
        got: `a new id, ${id}`,
        expected: `at most ${this.rows - 1} ids`,
        next: "Give the table more rows.",
      });
    }
    this.rowOf.set(id, row);
    return row;
  }
}
