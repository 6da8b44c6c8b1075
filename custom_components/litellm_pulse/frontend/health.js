/** The view that tells whether the proxies answer, and what they cannot tell. */

import { FULL } from "./builder.js";
import { capital } from "./translations.js";

const ROWS = [
  "connected",
  "status",
  "last_scrape",
  "scrape_duration",
  "last_restart",
  "in_flight_requests",
  "failed_requests_day",
  "unpriced_requests_day",
];
/** What is told of the past: attribute of the sensor, and its unit. */
const PAST = { oldest_day: undefined, percent: " %", rows: undefined };
const MODELS = new Set(["model", "public_model"]);
const ICONS = { healthy: "mdi:check-circle", partial_outage: "mdi:alert-circle", complete_outage: "mdi:close-circle" };

/** Return the view, with a column for each proxy. */
export function healthView(build, proxies) {
  const sections = proxies.flatMap((proxy) => [
    connection(build, proxy),
    ...past(build, proxy),
    ...deployments(build, proxy),
  ]);
  return build.view({ title: build.t("health"), path: "health", sections });
}

function connection(build, proxy) {
  const { t } = build;
  const rows = ROWS.map((key) => row(build, proxy, key)).filter(Boolean);
  // A row would cut what to do.
  const error = proxy.error ? [build.hint("mdi:alert", undefined, proxy.error)] : [];
  const link = { type: "button", name: t("open_device"), icon: "mdi:open-in-app", action_name: "→" };
  return {
    type: "grid",
    cards: [
      build.heading(proxy.name),
      ...error,
      // Where the icons have colors, a connection that is there looks like a warning.
      {
        type: "entities",
        entities: [...rows, ...build.toDevice(proxy, link)],
        state_color: false,
        grid_options: FULL,
      },
      ...unpriced(build, proxy),
    ],
  };
}

/** Return the row of an entity; of one that is disabled, what was known when the page was opened. */
function row(build, proxy, key) {
  const { t } = build;
  if (proxy.entities[key]) {
    return { entity: proxy.entities[key], name: t(key) };
  }
  if (!(key in proxy)) {
    return undefined;
  }
  return { type: "text", name: t(key), text: told(proxy[key], build), icon: "mdi:information-outline" };
}

/** Return how far LiteLLM's own records have been read, where a source of them is chosen. */
function past(build, proxy) {
  const {
    history,
    entities: { history_import: entity },
  } = proxy;
  if (!history || history.state === "off") {
    return [];
  }
  const { t } = build;
  // A source that knows days only does not say since when it knows them.
  const keys = Object.keys(PAST).filter((key) => key !== "percent" || history.source !== "api");
  const rows = entity ? live(entity, keys, t) : still(history, keys, t);
  const card = { type: "entities", entities: rows, grid_options: FULL };
  return [{ type: "grid", cards: [build.heading(build.of(proxy, t("history"))), card] }];
}

/** Return the rows of the import that follow its sensor. */
function live(entity, keys, t) {
  const follow = (attribute, key, more) => ({ type: "attribute", entity, attribute, name: t(key), ...more });
  const error = follow("error", "error", { icon: "mdi:alert" });
  return [
    { entity, name: t("history_state") },
    ...keys.map((key) => follow(key, `history_${key}`, { suffix: PAST[key] })),
    { type: "conditional", conditions: [{ entity, state: "failed" }], row: error },
  ];
}

/** Return the rows of the import as it was when the page was opened: its sensor is disabled. */
function still(history, keys, t) {
  const written = (key) => (history[key] === null ? "–" : `${history[key]}${PAST[key] ?? ""}`);
  const values = keys.map((key) => [`history_${key}`, written(key)]);
  const error = history.message ? [["error", history.message]] : [];
  const texts = [["history_state", capital(t(`history_${history.state}`))], ...values, ...error];
  return texts.map(([key, text]) => ({ type: "text", name: t(key), text, icon: "mdi:information-outline" }));
}

function told(value, { t, moment, count }) {
  if (typeof value === "boolean") {
    return t(value ? "on" : "off");
  }
  if (value === null) {
    return capital(t("never"));
  }
  return typeof value === "string" ? moment(value) : `${count(value)} ${t("requests")}`;
}

function deployments(build, proxy) {
  const members = proxy.dimensions.flatMap((one) => one.members).filter((member) => member.health);
  members.sort((a, b) => (a.health === "healthy") - (b.health === "healthy"));
  if (!members.length) {
    return [];
  }
  const rows = members.map((member) =>
    member.entities.deployment_health
      ? { entity: member.entities.deployment_health, name: member.name }
      : { type: "text", name: member.name, text: capital(build.t(member.health)), icon: ICONS[member.health] },
  );
  const card = { type: "entities", entities: rows, state_color: true, grid_options: FULL };
  return [{ type: "grid", cards: [build.heading(build.of(proxy, build.t("deployments"))), card] }];
}

/** Return the models whose use cost nothing: some are free, of others LiteLLM does not know the price. */
function unpriced(build, proxy) {
  const one = proxy.dimensions.find(({ dimension }) => MODELS.has(dimension));
  if (!proxy.loaded || !one) {
    return [];
  }
  const rows = build.rows([proxy], { ...one, columns: ["requests", "tokens"] });
  return [build.heading(build.t("unpriced")), { ...rows, days: 30, unpriced: true }];
}
