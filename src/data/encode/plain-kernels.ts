import { writeIds } from "../../features/id-target.js";
import { isNaNValue, numberValue } from "../../features/values.js";
import { ParsedNumbers } from "../source/vectors.js";
import type { ColumnKernels } from "./column-kernels.js";

/** Reference kernels: they apply the transforms of serving value by value. */
export const plainKernels: ColumnKernels = {
  texts({ texts, rows }, { encode }, missing, ids) {
    const { starts, ends } = texts;
    return writeIds(ids, rows, (r) =>
      starts[r] === ends[r] ? missing : encode(texts.bufferOf(r), starts[r], ends[r]),
    );
  },

  parse(texts, nanIsMissing) {
    const numbers = new ParsedNumbers(texts);
    for (let r = 0; r < texts.rows; r++) numbers.set(r, numberOf(texts.text(r), nanIsMissing));
    return numbers;
  },

  numbers(vector, { encode, missing }, { data, offset, stride }) {
    const { values, rows } = vector;
    let refused = 0;
    for (let r = 0; r < rows; r++) {
      const result = vector.isNull(r) ? missing : encode(values[r]);
      data[offset + r * stride] = result;
      if (Number.isNaN(result)) refused++;
    }
    return refused;
  },
};

export function numberOf(text: string | null, nanIsMissing: boolean): number | undefined {
  return nanIsMissing && isNaNValue(text) ? undefined : numberValue(text);
}
