import type { FastifyInstance } from "fastify";
import { DataError } from "../errors.js";
import { isList } from "../features/values.js";
import { showValue } from "../show-value.js";
import { refuseCompressed } from "./bodies.js";
import type { Fleet, NewEvents } from "./fleet.js";
import { refusing, tooManyRows } from "./refusals.js";
import type { ServedModels } from "./served-models.js";
import type { Limits } from "./settings.js";

const EVENTS_PATH = "/v1/events";

/** `POST /v1/events`: new events of sequences, for all processes of the server. */
export function addEventsRoute(
  app: FastifyInstance,
  models: ServedModels,
  limits: Limits,
  fleet: Fleet,
): void {
  const onRequest = refusing(({ headers }) => refuseCompressed(headers["content-encoding"]));
  app.post(EVENTS_PATH, { onRequest }, async ({ body }) => {
    const events = eventsOf(body, models);
    const count = Object.values(events).reduce((sum, list) => sum + list.length, 0);
    if (count > limits.rows) throw tooManyRows(count, limits.rows);
    await fleet.addEvents(events);
    return { added: count };
  });
}

/** @throws DataError if a time is none; the events before it are added */
export function addEvents(models: ServedModels, events: NewEvents): void {
  for (const [sequence, list] of Object.entries(events))
    for (const store of models.storesOf(sequence)) for (const event of list) store.add(event);
}

/** @throws DataError for another body, a sequence without a store, and a time that is none */
function eventsOf(body: unknown, models: ServedModels): NewEvents {
  const members = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const isEvents = members.every(([, list]) => isList(list) && Array.from(list).every(isObject));
  if (members.length === 0 || !isEvents)
    throw new DataError({
      what: "the body has no lists of events",
      where: "the body",
      got: showValue(body),
      expected: 'events by sequence, as { "clicks": [{ … }] }',
      next: "See /docs for the requests that the server takes.",
    });
  for (const [sequence, list] of members)
    for (const store of models.storesOf(sequence)) for (const event of list) store.check(event);
  return body as NewEvents;
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;
