import { type Numbers, numbersOf } from "../half.js";
import type { Backend, Memory } from "./backend.js";

/** Reads all numbers of a small memory. */
export function valuesOf(memory: Memory): Numbers {
  const values = numbersOf(memory.dtype, memory.elements);
  memory.read(0, values);
  return values;
}

/** Reads the numbers of every memory, by name. */
export function valuesByName(memories: ReadonlyMap<string, Memory>): Map<string, Numbers> {
  return new Map([...memories].map(([name, memory]) => [name, valuesOf(memory)]));
}

/** Creates a memory with these numbers. */
export function memoryOf(backend: Backend, values: Numbers, dtype: Memory["dtype"] = "fp32"): Memory {
  const memory = backend.allocate(values.length, dtype);
  memory.write(0, values);
  return memory;
}
