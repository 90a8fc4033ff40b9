import { Random } from "../clicks/random.js";

/*
 * Users, the events that they leave, and rows whose label depends on when a user clicked on a topic: it is hot for 36 hours after a
 * click, and stale afterwards.
 */

export const TOPICS = 40;
/** Topics that a user clicks on. */
const FAVOURITES = 8;
const EVENTS = 40;
/** Events before the first row. */
const EARLY = 15;
const ROWS = 10;
const HOUR = 3600;
/** Mean time between two events of a user. */
const PAUSE = 14 * HOUR;
/** A topic is hot for so long after a click. */
export const HOT = 36 * HOUR;
/** The logit of a click on a topic that is hot, and on one that is stale. */
const LOGIT = { hot: 1, stale: -1.4 };

export interface Event {
  readonly user: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly topic: number;
}
export interface Row extends Event {
  readonly clicked: 0 | 1;
}

/** The events of a user, oldest first, and rows about topics of earlier events: as many hot ones as stale ones. */
export function makeUser(user: number): { readonly events: readonly Event[]; readonly rows: readonly Row[] } {
  const random = new Random(3, user);
  const favourites = Array.from({ length: FAVOURITES }, () => random.below(TOPICS));
  let time = 1_760_000_000 + random.below(30 * 24 * HOUR);
  const events = Array.from({ length: EVENTS }, (): Event => {
    time += 1 + Math.floor(-PAUSE * Math.log(random.unit()));
    return { user, time, topic: favourites[random.below(FAVOURITES)] };
  });
  const rows = Array.from({ length: ROWS }, () => makeRow(events, random)).filter((row) => row !== undefined);
  return { events, rows };
}

/** At the time of an event, so that the history must end before it; undefined if no topic is hot, or none is stale. */
function makeRow(events: readonly Event[], random: Random): Row | undefined {
  const { user, time } = events[EARLY + random.below(events.length - EARLY)];
  const past = events.filter((event) => event.time < time);
  const hot = new Set(past.filter((event) => time - event.time < HOT).map(({ topic }) => topic));
  const stale = new Set(past.map(({ topic }) => topic).filter((topic) => !hot.has(topic)));
  if (hot.size === 0 || stale.size === 0) return undefined;
  const isHot = random.unit() < 0.5;
  const topics = [...(isHot ? hot : stale)];
  return {
    user,
    time,
    topic: topics[random.below(topics.length)],
    clicked: random.isTrue(isHot ? LOGIT.hot : LOGIT.stale),
  };
}
