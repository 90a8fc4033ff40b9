import { GraphError } from "../errors.js";
import type { GraphBuilder } from "../graph/graph.js";
import type { Initializer } from "../graph/initializer.js";
import type { Apply } from "../graph/op.js";
import { sameShape, type TableDtype, type Tensor } from "../graph/tensor.js";
import { murmur3 } from "../murmur3.js";
import { type ParameterAttrs, type ParameterRole, parameter } from "../ops/sources.js";

/** True if layers are built for training (batch statistics, dropout), false for inference. */
export type Mode = "training" | "inference";

/** Where initial weights come from: `glorot`, or `torch`, the defaults of PyTorch's modules. */
export const WEIGHT_STARTS = ["glorot", "torch"] as const;
export type WeightStart = (typeof WEIGHT_STARTS)[number];

export interface ParameterOptions {
  readonly shape: readonly number[];
  readonly init: Initializer;
  readonly role?: ParameterRole;
  readonly trainable?: boolean;
  /** True for means of squares. */
  readonly nonnegative?: true;
  /** Number format of a table; default fp32. */
  readonly dtype?: TableDtype;
  /** For a table: the name of its translation from ids to rows. Default: ids are rows. */
  readonly translation?: string;
  /** True if rows belong to keys. */
  readonly byKey?: boolean;
}

/**
 * Collects the equations and parameters of layers: a graph under construction, and a dotted path that prefixes parameter
 * names (`final_mlp.0.weight`). Two requests for the same name return the same parameter.
 */
export class Scope {
  private constructor(
    private readonly builder: GraphBuilder,
    readonly mode: Mode,
    readonly start: WeightStart,
    private readonly path: string,
    private readonly parameters: Map<string, { tensor: Tensor; attrs: ParameterAttrs }>,
    private readonly added: Tensor[],
  ) {}

  static root(builder: GraphBuilder, mode: Mode, start: WeightStart = "glorot"): Scope {
    return new Scope(builder, mode, start, "", new Map(), []);
  }

  get apply(): Apply {
    return this.builder.apply;
  }

  child(name: string | number): Scope {
    const { builder, mode, start, parameters, added } = this;
    return new Scope(builder, mode, start, this.nameOf(String(name)), parameters, added);
  }

  parameter(
    name: string,
    {
      shape,
      init,
      role = "dense",
      trainable = true,
      dtype,
      nonnegative,
      translation,
      byKey,
    }: ParameterOptions,
  ): Tensor {
    const rows = { ...(translation && { translation }), ...(byKey && { byKey: true as const }) };
    const attrs = {
      name: this.nameOf(name),
      shape,
      role,
      init,
      trainable,
      ...(dtype && { dtype }),
      ...(nonnegative && { nonnegative }),
      ...rows,
    };
    const existing = this.parameters.get(attrs.name);
    if (existing && !sameShape(existing.attrs.shape, shape)) {
      throw new GraphError({
        what: "two layers share a parameter but not its shape",
        where: attrs.name,
        got: `[${shape.join(", ")}]`,
        expected: `[${existing.attrs.shape.join(", ")}]`,
        next: "Give one of the layers a scope of its own.",
      });
    }
    if (existing) return existing.tensor;
    const [tensor] = this.apply(parameter, [], attrs);
    this.parameters.set(attrs.name, { tensor, attrs });
    return tensor;
  }

  /** Adds a regularizer [B, 1] to the losses of the rows in training. */
  penalize(penalty: Tensor): void {
    this.added.push(penalty);
  }

  /** The regularizers of all layers. */
  get penalties(): readonly Tensor[] {
    return this.added;
  }

  /** The stream of random numbers for this path. It changes only if the path changes. */
  stream(name: string): number {
    return streamOf(this.nameOf(name));
  }

  private nameOf(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }
}

/** The stream of random numbers for a name. */
export function streamOf(name: string): number {
  return murmur3(new TextEncoder().encode(name));
}
