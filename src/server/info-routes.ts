import type { FastifyInstance } from "fastify";
import { docsPage, PAGE_HEADERS } from "./docs-page.js";
import type { Fleet } from "./fleet.js";
import { openApi } from "./open-api.js";
import { requestSchemas } from "./row-schema.js";
import type { ServedModel } from "./served-model.js";
import type { ServedModels } from "./served-models.js";
import type { Limits } from "./settings.js";

export interface Info {
  readonly models: ServedModels;
  readonly limits: Limits;
  readonly fleet: Fleet;
  /** False while the server stops. */
  readonly isReady: () => boolean;
}

/** What people, Kubernetes and Prometheus ask. */
export function addInfoRoutes(app: FastifyInstance, { models, limits, fleet, isReady }: Info): void {
  app.get("/health", async () => ({ status: "running" }));
  app.get("/ready", async (_, reply) =>
    isReady() ? { status: "ready" } : reply.code(503).send({ status: "stopping" }),
  );
  app.get("/metrics", async (_, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return fleet.metrics();
  });
  app.get("/v1/model", async () => ({ models: models.all.map(modelInfo) }));
  app.post("/v1/reload", async () => {
    await fleet.reload();
    return { models: models.versions };
  });
  app.get("/docs/openapi.json", async () => openApi(models, limits));
  app.get("/docs", async (request, reply) =>
    reply
      .headers(PAGE_HEADERS)
      .send(docsPage(openApi(models, limits), `${request.protocol}://${request.host}`)),
  );
}

function modelInfo({ source, current: { name, predictor } }: ServedModel) {
  const { step, labels, outputs, features, config } = predictor;
  return {
    name: source.name,
    version: name,
    share: source.share,
    step,
    labels,
    outputs,
    columns: Object.fromEntries(requestSchemas(predictor)),
    features: features.features.map(({ name, kind, reading }) => ({ name, kind, columns: reading.columns })),
    config,
  };
}
