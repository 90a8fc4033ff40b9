import cluster from "node:cluster";
import { MAX_BATCH } from "../../serve/run-model.js";
import { ServedModels } from "../../server/served-models.js";
import { ModelServer } from "../../server/server.js";
import type { ServerSettings } from "../../server/settings.js";
import { Workers, workerFleet } from "../../server/workers.js";
import { EXIT } from "../failure.js";
import { scoringOf } from "../model-options.js";
import { modelSources, serveOptions, serverSettings } from "../serve-options.js";
import { command, countOption } from "../usage.js";

export const serve = command("serve", serveOptions, async (args, rawArgs) => {
  const workers = countOption("workers", args.workers, 1024) ?? 1;
  const settings = serverSettings(args);
  if (workers > 1 && cluster.isPrimary) return serveByWorkers(workers, settings);
  const { backend, threads } = scoringOf({ backend: args.backend, threads: args.threads ?? "1" });
  const open = () =>
    ServedModels.open(modelSources(args, rawArgs), {
      opening: { backend, maxBatch: MAX_BATCH, threads, importModules: args["import-modules"] },
      follow: args.follow ?? false,
      warn: console.error,
    });
  if (cluster.isWorker) return serveAsWorker(open, settings);
  const server = new ModelServer(await open(), settings);
  const stopped = stopSignal();
  sayWhere(await server.listen());
  await stopped;
  await server.stop();
});

async function serveAsWorker(open: () => Promise<ServedModels>, settings: ServerSettings): Promise<void> {
  try {
    const models = await open();
    // The first process tells workers when to stop, and signals for all processes reach them, too.
    void stopSignal();
    await new ModelServer(models, settings, workerFleet).serve();
  } catch (error) {
    // Its channel to the first process would keep it alive, and that one waits for its end.
    cluster.worker!.disconnect();
    throw error;
  }
}

async function serveByWorkers(count: number, settings: ServerSettings): Promise<void> {
  const workers = new Workers(settings, (code, isReplaced) => {
    console.error(
      `A worker has ended with code ${code}${isReplaced ? "; another one takes its place" : ""}.`,
    );
    process.exitCode = EXIT.user;
  });
  // A signal before all serve ends this process at once, and workers without it end.
  const url = await workers.start(count);
  const stopped = stopSignal();
  sayWhere(url, ` with ${count} processes`);
  await Promise.race([stopped, workers.lost]);
  await workers.stop();
}

function sayWhere(url: string, how = ""): void {
  console.error(`Serving on ${url}${how}, described at ${url}/docs. Press Ctrl-C to stop.`);
}

/** Resolves when the process is asked to stop. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => resolve());
  });
}
