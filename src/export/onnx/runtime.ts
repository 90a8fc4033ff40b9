import { ExecutionError, messageOf } from "../../errors.js";
import type { Feed } from "./feeds.js";

/** A model opened by onnxruntime. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, { readonly data: unknown }>>>;
}

/** @throws ExecutionError if onnxruntime-node is not installed, or refuses the model */
export async function openOnnx(path: string): Promise<OnnxSession> {
  const { InferenceSession } = await runtime();
  return InferenceSession.create(path, { logSeverityLevel: 3, intraOpNumThreads: 1 });
}

/** The outputs of a model by their names. */
export async function scoreOnnx(
  session: OnnxSession,
  feeds: ReadonlyMap<string, Feed>,
): Promise<Map<string, Float32Array>> {
  const { Tensor } = await runtime();
  const tensors = [...feeds].map(([name, { type, data, dims }]) => {
    return [name, new Tensor(type as "float32", data as Float32Array, dims)];
  });
  const results = await session.run(Object.fromEntries(tensors));
  return new Map(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

async function runtime() {
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw new ExecutionError(
      {
        what: "onnxruntime is not installed",
        got: messageOf(cause),
        expected: "the package onnxruntime-node, which scores the exported model",
        next: "Run `npm install onnxruntime-node --onnxruntime-node-install=skip`, or leave out --verify.",
      },
      { cause },
    );
  }
}
