import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { entriesOf } from "../src/graph/tensor.js";
import { segmentSum } from "../src/ops/segment-sum.js";
import { autodiff } from "../src/passes/autodiff.js";

/** The graph with every gradient of `y0` as an output: a weight's, or what each lookup of a table gets. */
export function withGradients(graph: Graph): Graph {
  const differentiated = autodiff(graph, "y0");
  const g = new GraphBuilder(differentiated.graph);
  for (const { attrs, dense, sparse } of differentiated.gradients) {
    if (dense) g.output(`d${attrs.name}`, dense);
    for (const [i, { ids, grad }] of sparse.entries()) {
      // Entries are no outputs of a program.
      const rows = entriesOf(grad) ? g.apply(segmentSum, [grad, ids], { pooling: "sum" })[0] : grad;
      g.output(`d${attrs.name}/${i}`, rows);
    }
  }
  return g.finish();
}
