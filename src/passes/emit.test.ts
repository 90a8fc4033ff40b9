import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/graph.js";
import { fp32, idsBelow, type Tensor } from "../graph/tensor.js";
import { OPS } from "../ops/index.js";
import { compileProgram, simplify } from "./compile.js";
import type { Program } from "./emit.js";

/** A reader of docs/design/program-format.md, written from the document alone. */
class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.at === this.bytes.length;
  }

  readonly u32 = (): number => {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  };

  readonly u64 = (): number => {
    this.at += 8;
    return Number(this.view.getBigUint64(this.at - 8, true));
  };

  readonly f64 = (): number => {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  };

  readonly string = (): string => {
    const length = this.u32();
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, this.at + length));
    this.at += Math.ceil(length / 4) * 4;
    return text;
  };

  list<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }
}

const HEADER = [
  "magic",
  "version",
  "bytes",
  "crc",
  "maxBatch",
  "tileRows",
  "groups",
  "tilesAtOnce",
  "buffers",
  "inputs",
  "translations",
  "outputs",
  "instructions",
  "stages",
] as const;

function decode({ bytes }: Program) {
  const r = new Reader(bytes);
  const header = Object.fromEntries(HEADER.map((name) => [name, r.u32()])) as Record<
    (typeof HEADER)[number],
    number
  >;
  r.list(4, r.u64); // the arenas
  const operand = () => {
    const [buffer, offset, ndims] = [r.u32(), r.u64(), r.u32()];
    return { buffer, offset, dims: r.list(ndims, r.u64) };
  };
  const program = {
    header,
    buffers: r.list(header.buffers, () => {
      const [space, dtype, width, offset] = [r.u32(), r.u32(), r.u64(), r.u64()];
      return { space, dtype, width, offset, name: r.string() };
    }),
    inputs: r.list(header.inputs, () => ({
      name: r.string(),
      dtype: r.u32(),
      width: r.u32(),
      limit: r.u64(),
      sequence: r.string(),
      masked: r.u64(),
      stream: r.u32(),
    })),
    translations: r.list(header.translations, () => ({ name: r.string(), rows: r.u64() })),
    outputs: r.list(header.outputs, () => ({ name: r.string(), operand: operand() })),
    instructions: r.list(header.instructions, () => {
      const [opcode, operands, attributes] = r.list(3, r.u32);
      return { opcode, operands: r.list(operands, operand), attributes: r.list(attributes, r.f64) };
    }),
    stages: r.list(header.stages, () => {
      const [kind, sequence, first, count] = r.list(4, r.u32);
      return { kind, sequence, first, count };
    }),
  };
  expect(r.ended).toBe(true);
  return program;
}

/** CRC-32 (IEEE 802.3), a bit at a time. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** One step of SGD on `mean(relu(w x))` with a table lookup beside x. */
function training(tableRows = 9): Program {
  const g = new GraphBuilder();
  const init = { kind: "constant", value: 0 } as const;
  const weight = (name: string, ...shape: number[]): Tensor =>
    g.apply(OPS.parameter, [], { name, shape, role: "dense", init, trainable: true })[0];
  const [x] = g.apply(OPS.input, [], { name: "größe", type: fp32("B", 3), limit: 0 });
  const [id] = g.apply(OPS.input, [], {
    name: "id",
    type: { dtype: idsBelow(tableRows, "id"), shape: ["B"] },
    limit: tableRows,
    mask: { rate: 0.25, stream: 7 },
  });
  const [w, table] = [weight("w", 1, 5), weight("table", tableRows, 2)];
  const [e] = g.apply(OPS.embedding, [table, id], {});
  const [joined] = g.apply(OPS.concat, [x, e], {});
  const [z] = g.apply(OPS.linear, [joined, w], { fn: "none" });
  const [y] = g.apply(OPS.activation, [z], { fn: "relu" });
  const [dw] = g.apply(OPS.linearGradWeight, [y, joined], {});
  const [rate] = g.apply(OPS.scalar, [], { name: "rate" });
  g.apply(OPS.sgd, [w, dw, rate], { l2: 0.25 });
  g.output("y", y);
  g.output("mean", g.apply(OPS.batchMean, [y], {})[0]);
  return compileProgram(simplify(g.finish()), 100, { geometry: { tileRows: 32, groups: 4 }, tilesAtOnce: 2 });
}

describe("emit", () => {
  const program = training();
  const decoded = decode(program);
  const spaceOf = (buffer: number): number => decoded.buffers[buffer].space;

  it("writes the header: magic, version, length, checksum of what follows, plan", () => {
    expect(decoded.header).toMatchObject({ magic: 0x314d4c50, version: 5, bytes: program.bytes.length });
    expect(decoded.header.crc).toBe(crc32(program.bytes.subarray(88)));
    expect(decoded.header).toMatchObject({ maxBatch: 100, tileRows: 32, groups: 4, tilesAtOnce: 2 });
  });

  it("names what the caller binds, in the order of the lists it returns", () => {
    const named = (space: number) => decoded.buffers.filter((b) => b.space === space).map((b) => b.name);
    expect(named(0)).toEqual(["w", "table"]);
    expect(named(1)).toEqual(["rate"]);
    expect(decoded.inputs).toEqual([
      { name: "größe", dtype: 0, width: 3, limit: 0, sequence: "", masked: 0, stream: 0 },
      { name: "id", dtype: 1, width: 1, limit: 9, sequence: "", masked: 2 ** 30, stream: 7 },
    ]);
    expect(program).toMatchObject({
      parameters: ["w", "table"],
      scalars: ["rate"],
      inputs: ["größe", "id"],
      outputs: [
        { name: "y", width: 1, per: "row" },
        { name: "mean", width: 1, per: "step" },
      ],
    });
  });

  it("lowers equations to instructions: views and in-place concatenations to none, reductions to two", () => {
    const opcodes = decoded.instructions.map(({ opcode }) => opcode);
    expect(opcodes).toEqual([1, 1, 10, 12, 14, 41, 43, 43, 50]);
    expect(decoded.stages).toEqual([
      { kind: 0, sequence: 0, first: 0, count: 6 },
      { kind: 1, sequence: 0, first: 6, count: 2 },
      { kind: 1, sequence: 0, first: 8, count: 1 },
    ]);
    const [x, , lookup, linear, gradient, , combine, mean, sgd] = decoded.instructions;
    expect(x.operands[0]).toMatchObject({ offset: 0, dims: [3] });
    expect(lookup.operands[2]).toEqual({ buffer: x.operands[0].buffer, offset: 3, dims: [2] });
    expect(linear.operands[0]).toEqual({ buffer: x.operands[0].buffer, offset: 0, dims: [5] });
    expect(linear.attributes).toEqual([1, 0, 0]);
    expect(spaceOf(gradient.operands[2].buffer)).toBe(3);
    expect(combine.operands[0]).toEqual(gradient.operands[2]);
    expect([combine.attributes, mean.attributes]).toEqual([[0], [1]]);
    expect(sgd.operands[1]).toEqual(combine.operands[1]);
    expect(sgd.attributes).toEqual([0.25]);
  });

  it("writes sizes beyond 32 bits, and ids of 64 bits for a table of more rows than 31 bits count", () => {
    const { buffers, inputs, instructions } = decode(training(2 ** 40));
    expect(buffers.find(({ name }) => name === "table")).toMatchObject({ width: 2 ** 41, offset: 0 });
    expect(inputs[1]).toEqual({
      name: "id",
      dtype: 5,
      width: 1,
      limit: 2 ** 40,
      sequence: "",
      masked: 2 ** 30,
      stream: 7,
    });
    expect(instructions[2].operands[0].dims).toEqual([2 ** 40, 2]);
    expect(buffers[instructions[2].operands[1].buffer]).toMatchObject({ dtype: 5, width: 2 });
    expect(decode(training(2 ** 31)).inputs[1]).toMatchObject({ dtype: 1, limit: 2 ** 31 });
  });

  it("keeps outputs in the batch and fixed arenas, the rest of the rows in the tile arena", () => {
    expect(decoded.outputs.map(({ operand }) => spaceOf(operand.buffer))).toEqual([5, 2]);
    expect(spaceOf(decoded.instructions[0].operands[0].buffer)).toBe(4);
  });
});
