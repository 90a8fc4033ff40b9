import type { Backend } from "../backends/backend.js";
import type { Tensors } from "../checkpoint/index.js";
import type { InitialValues } from "../checkpoint/table-layout.js";
import { numbersOf } from "../half.js";
import { streamOf } from "../layers/scope.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { nameInMember } from "../train/members.js";
import { elementsOf, type Parameter, readParameter } from "../train/parameter-memory.js";

/** The rows of a table that differ from their initial values; the others can be made again from these. */
export interface TrainedRows {
  readonly parameter: Parameter;
  readonly rows: Uint32Array;
  readonly initial: InitialValues;
}

/** Rows that are compared at once. */
const ROWS = 4096;

/**
 * Finds the rows of a table of fixed size that training has changed.
 * @param seed of the model, or of its member
 * @returns undefined if it has changed all of them, or most in a table that is mapped only as a whole; or if the initial values are
 * not drawn
 */
export async function trainedRows(
  attrs: ParameterAttrs,
  tensors: Tensors,
  backend: Backend,
  seed: number,
): Promise<TrainedRows | undefined> {
  const { name, init, shape, role, byKey, translation } = attrs;
  if (role !== "table" || byKey || init.kind === "values") return undefined;
  const stream = streamOf(nameInMember(name));
  const [memory, start] = [0, 1].map(() => backend.allocate(elementsOf(attrs), attrs.dtype));
  const parameter = { attrs, memory };
  await readParameter(tensors, name, parameter);
  start.fill(init, seed, stream);
  const rows = Uint32Array.from(changedRows(parameter, { attrs, memory: start }));
  const most = translation === undefined ? shape[0] / 2 : shape[0] - 1;
  return rows.length <= most ? { parameter, rows, initial: { seed, stream, values: init } } : undefined;
}

function* changedRows({ attrs, memory }: Parameter, start: Parameter): Generator<number> {
  const [rows] = attrs.shape;
  const width = elementsOf(attrs) / rows;
  for (let first = 0; first < rows; first += ROWS) {
    const count = Math.min(ROWS, rows - first);
    const [now, before] = [memory, start.memory].map((each) => {
      const numbers = numbersOf(each.dtype, count * width);
      each.read(first * width, numbers);
      return numbers;
    });
    for (let r = 0; r < count; r++)
      if (now.subarray(r * width, (r + 1) * width).some((x, d) => x !== before[r * width + d]))
        yield first + r;
  }
}
