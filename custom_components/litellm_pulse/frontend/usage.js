/** Usage over a period, from the ledger, summed per member; and what figures are made of it. */

const FRESH = 30000;
const asked = new Map();

/** What is shown of usage, by name: how it is worked out and written. */
export const FIGURES = {
  spend: { of: (sum) => sum.cost, as: "money", rising: "bad" },
  requests: { of: (sum) => sum.requests, as: "count" },
  failed: { of: (sum) => sum.failed_requests, as: "count", rising: "bad" },
  tokens: { of: (sum) => sum.tokens, as: "count" },
  input: { of: (sum) => sum.input_tokens, as: "count" },
  output: { of: (sum) => sum.output_tokens, as: "count" },
  cached: { of: (sum) => ratio(sum.input_cached_tokens, sum.input_tokens), as: "percent", rising: "good" },
  per_request: { of: (sum) => ratio(sum.cost * 1000, sum.requests), as: "money", rising: "bad" },
  per_token: { of: (sum) => ratio(sum.cost * 1e6, sum.tokens), as: "money", rising: "bad" },
};

const METRICS = [
  "cost",
  "requests",
  "failed_requests",
  "tokens",
  "input_tokens",
  "output_tokens",
  "input_cached_tokens",
];

/**
 * Return the sums of usage per member and of all: `{rows: [{id, name, sum}], total}`.
 *
 * A source is a proxy. Without a dimension each proxy is a row; with `filter` only the usage of
 * one member counts. Usage without a member comes under the id null.
 */
export async function usageOf(hass, { sources, dimension, filter }, { start, end }) {
  const wanted = [filter?.dimension, dimension].filter(Boolean);
  const answers = sources.map(async (source) => [source, await ask(hass, source.entry_id, start, end, wanted)]);
  // A request may carry several tags: what all members used is no sum of theirs.
  const whole = dimension ? wanted.slice(0, -1) : wanted;
  const totals = sources.map((source) => ask(hass, source.entry_id, start, end, whole));
  const rows = new Map();
  for (const [source, found] of await Promise.all(answers)) {
    for (const row of found.filter((one) => matches(one, filter))) {
      const id = dimension ? row[dimension] : source.entry_id;
      const name = dimension ? (row[`${dimension}_name`] ?? id) : source.name;
      const known = rows.get(id) ?? { id, name, sum: nothing() };
      add(known.sum, row);
      rows.set(id, known);
    }
  }
  const total = nothing();
  for (const found of await Promise.all(totals)) {
    for (const row of found.filter((one) => matches(one, filter))) {
      add(total, row);
    }
  }
  return { rows: [...rows.values()], total };
}

/**
 * Return by how much a figure has changed; undefined where there is nothing to compare with.
 *
 * Of what is a share itself it is the difference, for a share of a share is easily misread; of all else it is a share.
 */
export function change(name, sum, before) {
  const { of, as } = FIGURES[name];
  const [now, then] = [of(sum), before && of(before)];
  if (now === undefined || then === undefined) {
    return undefined;
  }
  if (as === "percent") {
    return now - then;
  }
  return then ? now / then - 1 : undefined;
}

/** Return usage to compare with, as `usageOf` does; `unknown` where not all of the time is known: of less, all has grown. */
export function usageBefore(hass, config, before) {
  const unknown = config.sources.some(({ since }) => before.start < Date.parse(since));
  return unknown ? Promise.resolve({ rows: [], total: nothing(), unknown }) : usageOf(hass, config, before);
}

/** Return the sums of no usage. */
export function nothing() {
  return Object.fromEntries(METRICS.map((metric) => [metric, 0]));
}

function add(sum, row) {
  for (const metric of METRICS) {
    sum[metric] += row[metric];
  }
}

function matches(row, filter) {
  return !filter || row[filter.dimension] === filter.id;
}

function ratio(part, whole) {
  return whole ? part / whole : undefined;
}

/** Ask for the rows of a proxy's usage; several cards that ask the same are answered at once. */
function ask(hass, entryId, start, end, dimensions) {
  const message = {
    type: "litellm_pulse/usage",
    entry_id: entryId,
    from: new Date(start).toISOString(),
    to: new Date(end).toISOString(),
    group_by: dimensions,
  };
  const key = JSON.stringify(message);
  const known = asked.get(key);
  if (known && Date.now() - known.at < FRESH) {
    return known.rows;
  }
  for (const [other, { at }] of asked) {
    if (Date.now() - at >= FRESH) {
      asked.delete(other);
    }
  }
  const rows = start < end ? hass.callWS(message).then((answer) => answer.usage) : Promise.resolve([]);
  rows.catch(() => asked.delete(key));
  asked.set(key, { at: Date.now(), rows });
  return rows;
}
