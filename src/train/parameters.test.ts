import { expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { Parameters } from "./parameters.js";

it("names the table that there is no memory for, its rows, dim and bytes", () => {
  const attrs = [
    { name: "small", shape: [2, 4], init: { kind: "constant", value: 0 }, role: "table" },
    {
      name: "embeddings.user.weight",
      shape: [2 ** 40, 16],
      init: { kind: "constant", value: 0 },
      role: "table",
    },
  ] as unknown as ConstructorParameters<typeof Parameters>[1];
  const message = /embeddings\.user\.weight: there is no memory for .*1099511627776 x 16 .*\(70400 GB\)/;
  expect(() => new Parameters(referenceBackend, attrs)).toThrow(message);
  const failing = {
    ...referenceBackend,
    allocate: () => {
      throw new RangeError("Array buffer allocation failed");
    },
  };
  const half = attrs.map((each) => ({ ...each, dtype: "bf16" as const }));
  expect(() => new Parameters(referenceBackend, half)).toThrow(/x 16 bfloat16 numbers \(35200 GB\)/);
  expect(() => new Parameters(failing, attrs.slice(0, 1))).toThrow(
    /small: there is no memory for small, 2 x 4 float32 numbers[\s\S]*Array buffer allocation failed/,
  );
});
