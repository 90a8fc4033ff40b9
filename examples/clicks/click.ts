import { effect, fixed, type Random } from "./random.js";

/** Distinct values of the ids that are drawn for each row; all follow a power law. */
const USERS = 60_000;
const ADVERTISERS = 4_000;
const QUERIES = 50_000;

/** One impression of an ad, and whether it was clicked. */
export function click(random: Random) {
  const ids = impression(random);
  return { ...ids, label: random.isTrue(logitOf(ids)) };
}

/**
 * Ids are nested, as in the logs of a search engine: an ad belongs to an advertiser and has titles, a query belongs to a topic
 * that has keywords. The ad does not depend on the user or the query, so no id tells another one that is not its parent.
 */
function impression(random: Random) {
  const user = random.power(USERS);
  const advertiser = random.power(ADVERTISERS);
  const ad = advertiser * 8 + random.power(8);
  const query = random.power(QUERIES);
  const keyword = topicOf(query) * 20 + random.power(20);
  const title = ad * 2 + random.below(2);
  const position = 1 + random.power(3);
  const depth = Math.min(3, position + random.below(3));
  const gender = Math.floor(3 * fixed(2, user));
  const age = 1 + Math.floor(6 * fixed(3, user));
  const url = advertiser * 3 + random.power(3);
  const category = advertiser % 30;
  return { user, ad, advertiser, query, keyword, title, url, category, gender, age, position, depth };
}

const topicOf = (query: number): number => Math.floor(400 * fixed(1, query));

/** Each value of an id has an effect of its own; two more effects belong to pairs and triples of values. */
function logitOf(row: ReturnType<typeof impression>): number {
  const { user, ad, advertiser, query, keyword, title, category, gender, age, position, depth } = row;
  return (
    -2.9 -
    0.5 * (position - 1) +
    0.15 * depth +
    0.5 * effect(1, ad) +
    0.4 * effect(2, advertiser) +
    0.6 * effect(3, user) +
    0.3 * effect(4, query) +
    0.3 * effect(5, keyword) +
    0.5 * effect(6, category, topicOf(query) % 25) +
    0.3 * effect(7, category, gender, age) +
    0.1 * effect(8, title)
  );
}
