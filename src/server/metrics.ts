import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ServedModels } from "./served-models.js";

/** From a quarter of a millisecond to the deadline. */
const SECONDS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const ROWS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** The numbers of a server, for Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  private readonly registers = [this.registry];
  private readonly requests = new Counter({
    name: "pairloom_requests_total",
    help: "Requests, by route and status",
    labelNames: ["route", "status"],
    registers: this.registers,
  });
  private readonly seconds = new Histogram({
    name: "pairloom_request_seconds",
    help: "Seconds from the headers of a request to its answer, by route",
    labelNames: ["route"],
    buckets: SECONDS,
    registers: this.registers,
  });
  private readonly rows = new Counter({
    name: "pairloom_rows_total",
    help: "Rows and items that were scored, by model and version",
    labelNames: ["model", "version"],
    registers: this.registers,
  });
  private readonly batches = new Histogram({
    name: "pairloom_batch_rows",
    help: "Rows that were scored in one call, of requests to /v1/predict",
    buckets: ROWS,
    registers: this.registers,
  });

  /**
   * @param open the number of requests without an answer
   * @param waiting the number of those that wait to be scored
   */
  constructor(models: ServedModels, open: () => number, waiting: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: "pairloom_open_requests",
      help: "Requests that have arrived and are not answered yet",
      registers: this.registers,
      collect() {
        this.set(open());
      },
    });
    new Gauge({
      name: "pairloom_waiting_requests",
      help: "Requests that wait to be scored",
      registers: this.registers,
      collect() {
        this.set(waiting());
      },
    });
    new Gauge({
      name: "pairloom_model_step",
      help: "The training step of the model that is served, by model",
      labelNames: ["model"],
      registers: this.registers,
      aggregator: "min",
      collect() {
        for (const { source, current } of models.all)
          this.set({ model: source.name }, current.predictor.step);
      },
    });
  }

  answered(route: string, status: number, milliseconds: number): void {
    this.requests.inc({ route, status });
    this.seconds.observe({ route }, milliseconds / 1000);
  }

  /** A request that was refused before anything was done with it. */
  refused(route: string): void {
    this.requests.inc({ route, status: 503 });
  }

  scored(model: string, version: string, rows: number): void {
    this.rows.inc({ model, version }, rows);
  }

  /** @param rows that were scored in one call */
  batch(rows: number): void {
    this.batches.observe(rows);
  }
}
