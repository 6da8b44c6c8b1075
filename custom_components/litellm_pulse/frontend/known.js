/** Whose statistics there are already: a graph shows no others, and each begins once its first full hour is over. */

const HOUR = 3_600_000;
/** What is used in an hour is written when it is over, which may take the server this long. */
const WRITTEN = 120_000;

let timer;
let more = false;

/**
 * Return the proxies' and members' ids that have statistics, as the beginnings of the statistics' ids.
 *
 * While some have none, this is asked again after each full hour, for a page that stays open.
 */
export async function withStatistics(hass, proxies) {
  const members = proxies.flatMap((proxy) => [proxy, ...proxy.dimensions.flatMap((one) => one.members)]);
  const ids = members.map((member) => `${member.statistics}_spend`);
  const known = await ask(hass, ids);
  more = false;
  wait(hass, ids, known.size);
  return new Set([...known].map((id) => id.replace(/_spend$/u, "")));
}

/** Return whether there are statistics that were not there when this was last asked. */
export function hasMore() {
  return more;
}

async function ask(hass, ids) {
  const message = { type: "recorder/get_statistics_metadata", statistic_ids: ids };
  const found = ids.length ? await hass.callWS(message).catch(() => []) : [];
  return new Set(found.map((one) => one.statistic_id));
}

function wait(hass, ids, count) {
  clearTimeout(timer);
  if (count < ids.length) {
    const left = HOUR - ((Date.now() - WRITTEN) % HOUR);
    timer = setTimeout(async () => {
      more = (await ask(hass, ids)).size > count;
      if (!more) {
        wait(hass, ids, count);
      }
    }, left);
  }
}
