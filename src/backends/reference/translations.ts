import { ExecutionError, PairloomError } from "../../errors.js";
import type { Admission, Translation, TranslationSpec } from "../../graph/translation.js";

/** A translation whose changes in a step can be reverted. Same semantics as native/runtime/translations.cc. */
export interface ReferenceTranslation extends Translation, Admission {
  /** Reverts the last `admit`, because the step failed elsewhere. */
  revert(): void;
}

export function referenceTranslation(spec: TranslationSpec): ReferenceTranslation {
  return spec.kind === "permutation" ? new Permutation(spec.rows) : new FirstCome(spec.rows);
}

/** The translations during one step; `revert` undoes the changes of the step. */
export function stepTranslations(
  all: ReadonlyMap<string, ReferenceTranslation>,
  step: number,
): { readonly translations: ReadonlyMap<string, Admission>; revert(): void } {
  const admitted: ReferenceTranslation[] = [];
  const watched = [...all].map(([name, translation]): [string, Admission] => {
    const admit = (ids: readonly number[]): number[] => {
      const rows = placed(() => translation.admit(ids), `translation ${name}, step ${step}`);
      admitted.push(translation);
      return rows;
    };
    return [name, { translate: (ids) => translation.translate(ids), admit }];
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

class Permutation implements ReferenceTranslation {
  readonly rows: number;

  constructor(private readonly row: readonly number[]) {
    this.rows = row.length;
  }

  translate(ids: readonly number[]): number[] {
    return ids.map((id) => this.row[id] ?? this.refuse(id));
  }

  admit(ids: readonly number[]): number[] {
    return this.translate(ids);
  }

  revert(): void {}

  state(): BigInt64Array {
    return new BigInt64Array(0);
  }

  private refuse(id: number): never {
    throw new ExecutionError({ what: "an id has no row", got: `id ${id}`, expected: `below ${this.rows}` });
  }

  restore(state: BigInt64Array): void {
    if (state.length > 0) throw otherState(`${state.length} numbers`);
  }
}

class FirstCome implements ReferenceTranslation {
  private rowOf = new Map<number, number>();
  private before = 0;

  constructor(readonly rows: number) {}

  translate(ids: readonly number[]): number[] {
    return ids.map((id) => this.rowOf.get(id) ?? 0);
  }

  admit(ids: readonly number[]): number[] {
    this.before = this.rowOf.size;
    return ids.map((id) => this.rowOf.get(id) ?? this.add(id));
  }

  revert(): void {
    this.rowOf = new Map([...this.rowOf].slice(0, this.before));
  }

  state(): BigInt64Array {
    return BigInt64Array.from(this.rowOf.keys(), BigInt);
  }

  restore(state: BigInt64Array): void {
    const restored = new FirstCome(this.rows);
    restored.admit(Array.from(state, Number));
    if (restored.rowOf.size < state.length) throw otherState("an id twice");
    this.rowOf = restored.rowOf;
  }

  private add(id: number): number {
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

function otherState(got: string): ExecutionError {
  return new ExecutionError({ what: "the state is of another translation", got });
}
