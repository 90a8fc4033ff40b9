import type { ColumnKernels } from "./column-kernels.js";

/** Reference kernels: they apply the transforms of serving value by value. */
export const plainKernels: ColumnKernels = {
  texts({ texts, rows }, { encode }, missing, { data, offset, stride }) {
    const { starts, ends } = texts;
    let negative = 0;
    for (let r = 0; r < rows; r++) {
      const isMissing = starts[r] === ends[r];
      const id = isMissing ? missing : encode(texts.bufferOf(r), starts[r], ends[r]);
      data[offset + r * stride] = id;
      if (id < 0) negative++;
    }
    return negative;
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
