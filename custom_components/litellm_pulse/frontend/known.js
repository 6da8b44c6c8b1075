/** Whose statistics there are already: a graph shows no others, and each begins once its first full hour is over. */

/** Return the beginnings of the ids of all statistics that there may be, one of each proxy and member. */
export function allStatistics(proxies) {
  return proxies
    .flatMap((proxy) => [proxy, ...proxy.dimensions.flatMap((one) => one.members)])
    .map((one) => one.statistics);
}

/** Return those of which there are statistics, as a set. */
export async function withStatistics(hass, statistics) {
  const ids = statistics.map((one) => `${one}_spend`);
  const message = { type: "recorder/get_statistics_metadata", statistic_ids: ids };
  const found = ids.length ? await hass.callWS(message).catch(() => []) : [];
  return new Set(found.map((one) => one.statistic_id.replace(/_spend$/u, "")));
}
