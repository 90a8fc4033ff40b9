import { asFp32, type KernelCall } from "../../graph/op.js";

/** What ranks exchange is on one rank what it was. */
export function copyFloats({ inputs, outputs }: KernelCall): void {
  inputs.forEach((input, i) => void asFp32(outputs[i]).data.set(asFp32(input).data));
}
