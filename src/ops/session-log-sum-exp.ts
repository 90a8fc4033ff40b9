import {
  asFp32,
  type Cost,
  type CostRequest,
  defineOp,
  type Floats,
  type IdValue,
  type Value,
} from "../graph/op.js";
import { fp32, isId, type TensorType } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { once, sizeOf } from "./cost.js";

const COLUMN: TensorType = fp32("B", 1);
const CONTESTS = "logits [B, 2], labels [B, 1], sessions id [B]";

/**
 * The competition of a row in its session: logits z [B, 2], labels y [B, 1] (positive above 1/2) and session ids [B] ->
 * [B, 1]. For row i with class c = y_i, the result is the log of the sum of `exp z_jc` over the rows j of the same
 * session with the other label; -infinity if there is none. Reads the whole batch. Source: Sheng et al., "Joint
 * Optimization of Ranking and Calibration with Contextualized Hybrid Model", 2022, section 3.2.
 */
export const sessionLogSumExp = defineOp<Record<string, never>>({
  kind: "sessionLogSumExp",
  opcode: 122,
  execution: "batch",
  operands: "logits:batch[2] labels:batch[1] sessions:samples -> out:batch[1]",
  meaning:
    "for row i of class c (1 where the label is above 1/2) `log sum exp z_jc` over the rows j of its session with the other class; -infinity where there is none",
  cost: sessionCost,
  infer(inputs) {
    const ok = inputs.length === 3 && areContests(inputs);
    checkShapes(ok, "sessionLogSumExp", CONTESTS, inputs);
    return [COLUMN];
  },
  gradient: ({ inputs, outputGradients: [dy], apply }) => [
    dy && apply(sessionLogSumExpGrad, [...inputs, dy], {})[0],
    undefined,
    undefined,
  ],
  reference({ inputs: [logits, labels, sessions], outputs }) {
    const [z, out] = [asFp32(logits).data, asFp32(outputs[0]).data];
    for (const { rows, competitors } of contests(labels, sessions)) {
      for (const { row, label } of rows) out[row] = logSumExp(competitors[label], z, label);
    }
  },
});

/**
 * logits z [B, 2], labels [B, 1], sessions [B], dy [B, 1] -> dz [B, 2]: a row j with the class 1 - c gets, in its column
 * c, its share `exp(z_jc - L_c)` of the sum of dy over the rows of its session with the class c.
 */
export const sessionLogSumExpGrad = defineOp<Record<string, never>>({
  kind: "sessionLogSumExpGrad",
  opcode: 123,
  execution: "batch",
  operands: "logits:batch[2] labels:batch[1] sessions:samples dy:batch[1] -> out:batch[2]",
  meaning:
    "column c of a row of class 1-c: `exp(z_jc - L_c)` times the sum of dy over the rows of its session with class c; else 0",
  cost: sessionCost,
  infer(inputs) {
    const ok = inputs.length === 4 && areContests(inputs) && sameType(inputs[3], COLUMN);
    checkShapes(ok, "sessionLogSumExpGrad", `${CONTESTS}, dy [B, 1]`, inputs);
    return [inputs[0]];
  },
  reference({ inputs: [logits, labels, sessions, gradient], outputs }) {
    const [z, dy, dz] = [logits, gradient, outputs[0]].map((v) => asFp32(v).data);
    for (const { rows, competitors } of contests(labels, sessions)) {
      for (const label of [0, 1]) {
        const own = rows.filter((each) => each.label === label);
        if (own.length === 0) continue;
        const total = own.reduce((sum, { row }) => sum + dy[row], 0);
        const competition = logSumExp(competitors[label], z, label);
        for (const row of competitors[label])
          dz[2 * row + label] = Math.exp(z[2 * row + label] - competition) * total;
      }
    }
  },
});

function areContests([logits, labels, sessions]: readonly TensorType[]): boolean {
  return isRows(logits, 2) && logits.shape[1] === 2 && sameType(labels, COLUMN) && isId(sessions.dtype);
}

interface Contest {
  readonly rows: readonly { readonly row: number; readonly label: 0 | 1 }[];
  /** By class: the rows of the other class. */
  readonly competitors: readonly [readonly number[], readonly number[]];
}

function contests(labels: Value, sessions: Value): Contest[] {
  const y = asFp32(labels).data;
  const ids = (sessions as IdValue).data;
  const bySession = new Map<number, { row: number; label: 0 | 1 }[]>();
  ids.forEach((id, row) => {
    bySession.set(id, [...(bySession.get(id) ?? []), { row, label: y[row] > 0.5 ? 1 : 0 }]);
  });
  return [...bySession.values()].map((rows) => {
    const others = (label: number) => rows.flatMap((each) => (each.label === label ? [] : [each.row]));
    return { rows, competitors: [others(0), others(1)] };
  });
}

/** Log-sum-exp over `rows` of column c of z [B, 2]. */
function logSumExp(rows: readonly number[], z: Floats, c: number): number {
  const values = rows.map((row) => z[2 * row + c]);
  const most = Math.max(...values);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** Per row: a comparison, a difference, an exponential, a sum. */
function sessionCost({ shapes }: CostRequest): Cost {
  return once(4 * sizeOf(shapes[1]), shapes);
}
