import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { chooseBackend } from "../backends/choose.js";
import { MAX_BATCH } from "../serve/run-model.js";
import { saveInitial } from "../serve/testing.js";
import type { ModelSource } from "./served-model.js";
import { ServedModels } from "./served-models.js";
import { ModelServer } from "./server.js";
import { DEFAULT_LIMITS, type Limits, type ServerSettings } from "./settings.js";

const { backend } = chooseBackend();

export const CONFIG = {
  data: { train: { path: "none.csv" }, label: "clicked" },
  features: [
    { kind: "id", name: "user", hash: 50 },
    { kind: "id", name: "item", buckets: 30 },
    { kind: "number", name: "price", normalize: { mean: 3, std: 2 } },
    { kind: "ids", name: "tags", hash: 20, pooling: "mean" },
    { kind: "number", name: "vector", width: 2 },
    { kind: "id", name: "pair", columns: ["user", "item"], hash: 40 },
  ],
  model: {
    kind: "mlp",
    embeddingDim: 4,
    features: ["user", "item", "price", "tags", "vector", "pair"],
    mlp: { hiddenUnits: [8] },
  },
};

/** A checkpoint of a model with its initial weights, which the step decides. */
export const saveUntrained = (runDir: string, step = 1): Promise<void> => saveInitial(runDir, CONFIG, step);

export interface Served {
  readonly url: string;
  readonly server: ModelServer;
  readonly models: ServedModels;
}

type Settings = Partial<Omit<ServerSettings, "limits"> & { limits: Partial<Limits>; follow: boolean }>;

/** A server on a free port. */
export async function serveModels(sources: readonly ModelSource[], settings: Settings = {}): Promise<Served> {
  const models = await ServedModels.open(sources, {
    opening: { backend, maxBatch: MAX_BATCH, threads: 1 },
    follow: settings.follow ?? false,
    warn: () => undefined,
  });
  const server = new ModelServer(models, {
    ...{ host: "127.0.0.1", port: 0, sample: 0, logLevel: "silent" as const },
    ...settings,
    limits: { ...DEFAULT_LIMITS, ...settings.limits },
  });
  return { url: await server.listen(), server, models };
}

/** A response with a body of JSON whose members a test knows. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Answer = Omit<Response, "json"> & { json(): Promise<any> };

export const get = (url: string, init?: RequestInit): Promise<Answer> => fetch(url, init);

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return get(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text as string,
  });
}

/** What a server answers to bytes on a connection; "" if it closes it. */
export async function raw(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (data) => {
    answer += data;
  });
  socket.on("error", () => undefined);
  socket.write(bytes);
  await once(socket, "close");
  return answer;
}

export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Values of a JSON Schema, as far as the documents of servers use it. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.allOf) return arbitraryOf(schema.allOf[0]);
  if (schema.type === undefined) return fc.jsonValue();
  return fc.oneof(...[schema.type].flat().map((type) => ofType(type as string, schema)));
}

function ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
  const {
    properties = {},
    required = [],
    items = {},
    minItems = 0,
    maxItems = 10,
    minimum,
    maximum,
  } = schema;
  switch (type) {
    case "null":
      return fc.constant(null);
    case "integer":
      return fc.integer({ min: minimum, max: maximum });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    case "string":
      return fc.string({ maxLength: 20 });
    case "array":
      return fc.array(arbitraryOf(items), { minLength: minItems, maxLength: Math.min(maxItems, 10) });
    default: {
      const members = Object.entries(properties).map(([name, each]) => [name, arbitraryOf(each)] as const);
      return fc.record(Object.fromEntries(members), { requiredKeys: [...required] as never[] });
    }
  }
}
