import { asFp32, type BagValue, type IdValue, type KernelCall } from "../../graph/op.js";

/** What ranks exchange is on one rank what it was. */
export function copyFloats({ inputs, outputs }: KernelCall): void {
  inputs.forEach((input, i) => void asFp32(outputs[i]).data.set(asFp32(input).data));
}

/** The same, of columns of ids and bags. */
export function copyIds({ inputs, outputs }: KernelCall): void {
  outputs.forEach((output, i) => {
    const [from, to] = [inputs[i], output] as (IdValue | BagValue)[];
    if (from.kind === "id") (to as IdValue).data.set(from.data);
    else (to as BagValue).values.set(from.values);
  });
}
