import { describe, expect, it } from "vitest";
import { fp32 } from "../graph/tensor.js";
import { draw, drawKey } from "../random.js";
import { dropout } from "./dropout.js";

const ROWS = 500;
const COLUMNS = 40;

function dropped(rate: number, { seed = 1, stream = 2, step = 3 } = {}): Float64Array {
  const x = Float64Array.from({ length: ROWS * COLUMNS }, () => 1);
  const y = new Float64Array(x.length);
  const tensor = (id: number) => ({ id, ...fp32("B", COLUMNS) });
  const value = (data: Float64Array) => ({ kind: "fp32", shape: [ROWS, COLUMNS], data }) as const;
  const attrs = { rate, stream };
  const node = { op: dropout, inputs: [tensor(0)], outputs: [tensor(1)], attrs };
  dropout.reference({
    node,
    attrs,
    inputs: [value(x)],
    outputs: [value(y)],
    context: { rows: ROWS, step, seed },
  });
  return y;
}

describe("dropout", () => {
  it.each([0, 0.1, 0.5, 0.9])("at rate %d keeps what the specification's draws say, scaled", (rate) => {
    const key = drawKey(1, 2, 3);
    const expected = Array.from({ length: ROWS * COLUMNS }, (_, i) =>
      draw(key, i) / 2 ** 32 >= rate ? 1 / (1 - rate) : 0,
    );
    expect(Array.from(dropped(rate))).toEqual(expected);
  });

  it.each([0.1, 0.5, 0.9])("keeps the mean at rate %d", (rate) => {
    const mean = dropped(rate).reduce((sum, y) => sum + y) / (ROWS * COLUMNS);
    const deviation = Math.sqrt(rate / (1 - rate) / (ROWS * COLUMNS));
    expect(Math.abs(mean - 1)).toBeLessThan(6 * deviation);
  });

  it("makes other draws for each step, stream and seed", () => {
    const first = dropped(0.5);
    for (const other of [dropped(0.5, { step: 4 }), dropped(0.5, { stream: 3 }), dropped(0.5, { seed: 2 })]) {
      const equal = other.filter((y, i) => y === first[i]).length / first.length;
      expect(Math.abs(equal - 0.5)).toBeLessThan(6 * Math.sqrt(0.25 / first.length));
    }
  });
});
