import cluster from "node:cluster";
import { MAX_BATCH } from "../../serve/run-model.js";
import { ServedModels } from "../../server/served-models.js";
import { ModelServer } from "../../server/server.js";
import { Workers, workerFleet } from "../../server/workers.js";
import { EXIT } from "../failure.js";
import { scoringOf } from "../model-options.js";
import { modelSources, serveOptions, serverSettings } from "../serve-options.js";
import { command, countOption } from "../usage.js";

export const serve = command("serve", serveOptions, async (args, rawArgs) => {
  const workers = countOption("workers", args.workers, 1024) ?? 1;
  if (workers > 1 && cluster.isPrimary) return serveByWorkers(workers);
  const { backend, threads } = scoringOf({ backend: args.backend, threads: args.threads ?? "1" });
  const models = await ServedModels.open(modelSources(args, rawArgs), {
    opening: { backend, maxBatch: MAX_BATCH, threads, importModules: args["import-modules"] },
    follow: args.follow ?? false,
    warn: console.error,
  });
  const server = new ModelServer(models, serverSettings(args), cluster.isWorker ? workerFleet : undefined);
  const url = await server.listen();
  if (cluster.isPrimary) sayWhere(url);
  await stopSignal();
  await server.stop();
  if (cluster.isWorker) process.disconnect();
});

async function serveByWorkers(count: number): Promise<void> {
  const workers = new Workers((code, isReplaced) => {
    console.error(
      `A worker has ended with code ${code}${isReplaced ? "; another one takes its place" : ""}.`,
    );
    process.exitCode = EXIT.user;
  });
  const stopped = stopSignal();
  await workers.start(count);
  console.error(`Serving with ${count} processes. Press Ctrl-C to stop.`);
  await stopped;
  await workers.stop();
}

function sayWhere(url: string): void {
  console.error(`Serving on ${url}, described at ${url}/docs. Press Ctrl-C to stop.`);
}

/** Resolves when the process is asked to stop. Ctrl-C reaches workers, too, but the first process stops them together. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.on("SIGTERM", () => resolve());
    process.on("SIGINT", () => void (cluster.isWorker || resolve()));
  });
}
