import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { autodiff } from "../src/passes/autodiff.js";

/** The graph with every gradient of `y0` as an output: a weight's, or what each lookup of a table gets. */
export function withGradients(graph: Graph): Graph {
  const differentiated = autodiff(graph, "y0");
  const g = new GraphBuilder(differentiated.graph);
  for (const { attrs, dense, sparse } of differentiated.gradients) {
    if (dense) g.output(`d${attrs.name}`, dense);
    for (const [i, { grad }] of sparse.entries()) g.output(`d${attrs.name}/${i}`, grad);
  }
  return g.finish();
}
