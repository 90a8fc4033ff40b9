import { DataError } from "../errors.js";
import type { RawRow } from "../features/encoder.js";
import { hasColumn, type PlacedCells, withShared } from "./cells.js";
import { EventStore, type EventsModel } from "./event-store.js";
import type { CheckedRequest } from "./rank.js";

/** Events by the sequences that they belong to. */
export type EventsBySequence = Readonly<Record<string, Iterable<RawRow>>>;

/** The columns that a request has, and the stores that give the others. */
interface Asked {
  readonly columns: readonly string[];
  readonly stores: readonly EventStore[];
}

/** The stores of events of a model, which give rows their histories. A request that has the lists of a sequence itself keeps them. */
export class Histories {
  readonly stores: Readonly<Record<string, EventStore>>;

  private constructor(stores: readonly (readonly [string, EventStore])[]) {
    this.stores = Object.fromEntries(stores);
  }

  /** @throws ConfigError for a sequence that the model does not build from events, DataError for a time that is none */
  static of(model: EventsModel, events: EventsBySequence = {}): Histories {
    return new Histories(
      Object.entries(events).map(([sequence, all]) => {
        const store = new EventStore(model, sequence);
        store.addAll(all);
        return [sequence, store] as const;
      }),
    );
  }

  /** The same events for another version of the model. */
  for(model: EventsModel): Histories {
    return new Histories(
      Object.entries(this.stores).map(([sequence, store]) => [sequence, store.for(model)] as const),
    );
  }

  /**
   * What a request has to give: in place of the lists of a store, the columns that say whose history it is and until when.
   * @param columns of the model
   * @param isGiven true for a column that the request has
   */
  asked(columns: readonly string[], isGiven: (column: string) => boolean): Asked {
    const stores = Object.values(this.stores).filter((store) => !store.columnNames.some(isGiven));
    if (stores.length === 0) return { columns, stores };
    const filled = new Set(stores.flatMap((store) => store.columnNames));
    const moments = stores.flatMap(({ moment }) => moment);
    return {
      columns: [...new Set([...columns.filter((column) => !filled.has(column)), ...moments])],
      stores,
    };
  }
}

/**
 * Refuses a list of rows of which the first has no list of a store and others have: they would get the history of the store.
 * @param name of the rows, for messages
 */
export function refuseSomeLists(given: unknown, stores: readonly EventStore[], name: string): void {
  if (stores.length === 0 || !Array.isArray(given)) return;
  const names = stores.flatMap(({ columnNames }) => columnNames);
  for (const [i, row] of given.entries()) {
    const own = names.find((column) => hasColumn(row, column));
    if (own !== undefined)
      throw new DataError({
        what: "some rows have their histories, and others get them from a store of events",
        where: `${name}[${i}]`,
        got: `${own} in this row, but not in the first one`,
        expected: "either of them in all rows",
        next: "Score these rows in two requests.",
      });
  }
}

/** The rows with their histories. */
export function withHistories(cells: PlacedCells, stores: readonly EventStore[]): PlacedCells {
  return stores.reduce((known, store) => withHistory(known, store), cells);
}

function withHistory(cells: PlacedCells, store: EventStore): PlacedCells {
  const moments = store.moment.map((name) => [name, cells.column(name)] as const);
  const histories = Array.from({ length: cells.rows }, (_, row) =>
    store.historyOf(Object.fromEntries(moments.map(([name, values]) => [name, values[row]]))),
  );
  const column = (name: string) =>
    store.columnNames.includes(name)
      ? histories.map((events) => store.valuesOf(events, name))
      : cells.column(name);
  return { ...cells, column };
}

/**
 * The request with its histories. One of the user is looked up once for all items.
 * @param columns of the model
 */
export function withRankedHistories(
  request: CheckedRequest,
  stores: readonly EventStore[],
  columns: readonly string[],
): CheckedRequest {
  if (stores.length === 0) return request;
  const { shared, items, k } = request;
  const ofUser = stores.filter(({ moment }) => moment.every((name) => Object.hasOwn(shared, name)));
  const all = ofUser.reduce<RawRow>((known, store) => store.withHistory(known), shared);
  const kept = Object.entries(all).filter(([name]) => columns.includes(name));
  const ofItems = stores.filter((store) => !ofUser.includes(store));
  const cells = ofItems.length === 0 ? items : withHistories(withShared(items, shared), ofItems);
  return { shared: Object.fromEntries(kept), items: cells, k };
}

/** What the first version of a model has as events. */
export type ReadEvents = (model: EventsModel) => Promise<EventsBySequence>;

/** Gives a version of a model its events. They go on to the next version if `use` does not throw. */
export type CarriedHistories = <T>(model: EventsModel, use: (histories: Histories) => T) => Promise<T>;

/** Gives each version of a model the events of the version before, and the first one those that are read. */
export function carriedHistories(read?: ReadEvents): CarriedHistories {
  let newest: Histories | undefined;
  return async (model, use) => {
    const own = newest?.for(model) ?? Histories.of(model, await read?.(model));
    const result = use(own);
    newest = own;
    return result;
  };
}
