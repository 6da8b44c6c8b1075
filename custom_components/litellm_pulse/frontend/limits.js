/** Gauges of the budgets that LiteLLM enforces and of the limits that were set in Home Assistant. */

import { capital } from "./translations.js";

const SHARES = {
  limit_used_day: "limit_day",
  limit_used_week: "limit_week",
  limit_used_month: "limit_month",
  budget_used: "budget",
};
/** More gauges than this tell nothing at one look: those of members that are used up most; each has its own page. */
const MOST = 6;
/** Letters that half the width of a phone has place for. */
const SHORT = 20;
const SEVERITY = { green: 0, yellow: 75, red: 95 };

/** Return the cards of a proxy or member, with those of its members; a hint where none is set, or none has a sensor. */
export function limitCards(build, subject) {
  const { t } = build;
  const gaugesOf = (one) =>
    Object.entries(SHARES)
      .filter(([key]) => isSet(one, key))
      .map(([key, name]) => gauge(one.entities[key], one === subject ? capital(t(name)) : `${one.name}: ${t(name)}`));
  const used = ({ entity }) => Number(build.state(entity)) || 0;
  const members = subject.dimensions.flatMap((one) => one.members).flatMap(gaugesOf);
  members.sort((a, b) => used(b) - used(a));
  const set = [...gaugesOf(subject), ...members];
  const shown = set.filter(({ entity }) => entity).slice(0, MOST);
  const columns = ({ name }) => (shown.length === 1 || name.length > SHORT ? 12 : 6);
  const open = build.toDevice(subject, { text: t("open_device") });
  // Of a member, what a limit is set with is disabled at first.
  const none = subject.loaded ? "no_limits" : "no_member_limits";
  const hint = build.hint(undefined, undefined, t(set.length ? "limits_disabled" : none), open);
  return [
    build.heading(t("limits")),
    ...(shown.length ? shown.map((one) => ({ ...isolated(one), grid_options: { columns: columns(one) } })) : [hint]),
  ];
}

/** Return whether a limit or a budget is set whose share an entity shows. */
function isSet({ limits, budget }, key) {
  return key === "budget_used" ? Boolean(budget?.maximum) : Boolean(limits[key.replace("limit_used_", "")]);
}

/** Return a gauge whose name is written in its own direction, whatever it begins with. */
function isolated(one) {
  return { ...one, name: `\u2068${one.name}\u2069` };
}

function gauge(entity, name) {
  return { type: "gauge", entity, name, min: 0, max: 100, severity: SEVERITY };
}
