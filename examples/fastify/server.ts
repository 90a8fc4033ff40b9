import Fastify, { type FastifyInstance } from "fastify";
import { DataError, load } from "pairloom/serve";

type Row = Readonly<Record<string, unknown>>;

/**
 * A service that scores rows with a trained model, and takes a new model without a restart.
 *
 *   node --import jiti/register examples/fastify/server.ts runs/latest
 *   curl localhost:3000/score -H 'content-type: application/json' -d '[{"user": "u1", "item": "i3"}]'
 */
export async function makeServer(run: string): Promise<FastifyInstance> {
  let model = await load(run);
  const app = Fastify();

  app.post("/score", (request, reply) => {
    try {
      return reply.send({ scores: Array.from(model.predict(request.body as Row[])), step: model.step });
    } catch (error) {
      // The request is wrong, and says where: a column that is missing, a value that a feature cannot read.
      if (error instanceof DataError) return reply.code(400).send({ error: error.report });
      throw error;
    }
  });

  // Requests that arrive meanwhile get the old model. If the new one cannot be loaded, it stays.
  app.post("/reload", async () => {
    model = await load(run);
    return { step: model.step };
  });

  return app;
}

const [, script, run] = process.argv;
if (script?.endsWith("server.ts")) {
  const app = await makeServer(run ?? "runs/latest");
  console.log(`Listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000) })}`);
}
