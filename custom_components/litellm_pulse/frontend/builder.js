/** Makes the cards and sections that the views are put together from; holds what all of them need to know. */

import { COLLECTION_KEY } from "./period.js";
import { capital } from "./translations.js";

const PICKED = { collection_key: COLLECTION_KEY };
export const FULL = { columns: "full" };
const HALF = { columns: 6 };
const FIGURES = ["spend", "requests", "failed", "input", "output", "cached", "per_request", "per_token"];
/** More characters of a name than these do not fit into a graph's tooltip. */
const LONGEST = 40;
const LABELS = { input_tokens: "input", output_tokens: "output", requests: "requests", failed_requests: "failed" };

/** What is shown as it is now: the entity by its key, and of what window a figure stands in for it. */
const TILES = {
  spend_day: { name: "today", icon: "mdi:cash", window: "day" },
  spend_week: { name: "this_week", icon: "mdi:cash", window: "week" },
  spend_month: { name: "this_month", icon: "mdi:cash", window: "month" },
  spend_forecast: { name: "forecast", icon: "mdi:chart-line" },
  spend_lifetime: { name: "lifetime", icon: "mdi:sigma" },
  tokens_day: { name: "tokens_day", icon: "mdi:counter", window: "day", figure: "tokens" },
};

/** Return the path of a page: a proxy's, a member's, or that of a proxy's dimension. */
export function pathOf({ statistics }, dimension = undefined) {
  const [, id] = statistics.split(":");
  return dimension ? id.replace(/total$/u, dimension) : id;
}

/** Return the members of a dimension, each with its color and the path of its page. */
export function colored(members, color) {
  return members.map((member, index) => ({ ...member, path: pathOf(member), color: color(index) }));
}

export class Builder {
  constructor(shared) {
    Object.assign(this, shared);
  }

  view(config) {
    return { type: "sections", max_columns: 3, dense_section_placement: true, ...config };
  }

  /** Return the date picker, with what it compares; and what waits for graphs that there are none of yet. */
  picker() {
    const picker = { type: "energy-date-selection", ...PICKED, grid_options: FULL };
    const compare = { type: "energy-compare", ...PICKED, grid_options: FULL };
    const missing = this.hint("mdi:calendar-alert", this.t("no_energy"), this.t("no_energy_text"));
    const later = this.lacking.length ? [{ type: "custom:litellm-pulse-later", lacking: this.lacking }] : [];
    return { type: "grid", column_span: 3, cards: [...(this.energy ? [picker, compare] : [missing]), ...later] };
  }

  /** Return what is spent now, as tiles, above the graph of the picked period. */
  spending(subject, keys, title, members) {
    const graph = this.graph(title, members, "spend", 2);
    return { ...graph, cards: [...this.now(subject, keys), ...graph.cards] };
  }

  /**
   * Return a tile per entity; the ledger tells it where the sensor is disabled, or leaves out what
   * history tells of the days before the set-up.
   */
  now({ entities, begun_before: early = [], ...subject }, keys) {
    return keys
      .map((key) => ({ entity: entities[key], ...TILES[key] }))
      .filter(({ entity, window }) => entity || window)
      .map(({ entity, icon, name, window, figure = "spend" }) =>
        entity && !early.includes(window)
          ? { type: "tile", entity, icon, color: "primary", name: this.t(name), grid_options: HALF }
          : this.running(subject, { icon, window, figure, name: this.t(name) }),
      );
  }

  /** Return a figure of the running day, week or month, from the ledger. */
  running({ sources, filter, window_starts, time_zone: zone }, { window, ...shown }) {
    const when = { window, since: window_starts[window], zone };
    return { type: "custom:litellm-pulse-now", sources, filter, ...when, ...shown, grid_options: HALF };
  }

  /** Return the figures of the picked period, and what belongs beside them. */
  figures(proxies, filter = undefined, more = []) {
    const sources = proxies.map(source);
    const card = { type: "custom:litellm-pulse-summary", sources, filter, figures: FIGURES, grid_options: FULL };
    return { type: "grid", cards: [this.heading(this.t("picked")), card, ...more] };
  }

  /** Return the table of who spent how much; the heading leads to the dimension's own view. */
  table(proxies, { dimension, members, filter, path }) {
    const rows = this.rows(proxies, { dimension, members, filter, columns: ["spend", "share", "change"] });
    return { type: "grid", cards: [this.heading(this.by("spend_by", dimension), path), rows] };
  }

  rows(proxies, { dimension, members, filter, columns }) {
    return {
      type: "custom:litellm-pulse-table",
      sources: proxies.map(source),
      dimension,
      filter,
      columns,
      members: Object.fromEntries(members.map(({ id, name, path, color }) => [id, { name, path, color }])),
      grid_options: FULL,
    };
  }

  /** Return what use costs: per request, per token, and how much comes from the cache. */
  prices(proxy, { dimension, members }) {
    const columns = ["requests", "per_request", "per_token", "cached"];
    const rows = this.rows([proxy], { dimension, members, columns });
    return { type: "grid", column_span: 2, cards: [this.heading(this.by("price_by", dimension)), rows] };
  }

  /** Return graphs of tokens and of requests. */
  traffic({ statistics }) {
    const line = (metric) => ({ statistics, metric, name: capital(this.t(LABELS[metric])) });
    return [
      this.bars(this.t("tokens_in_out"), ["input_tokens", "output_tokens"].map(line), "bar-stack"),
      this.bars(this.t("requests_failed"), ["requests", "failed_requests"].map(line), "bar"),
    ];
  }

  /** Return the graph of a metric, with a color for each member. */
  graph(title, members, metric, span = 1) {
    const lines = members.map(({ statistics, name, color }) => ({ statistics, metric, name, color }));
    return this.bars(title, lines, "bar-stack", span);
  }

  bars(title, lines, kind, span = 1) {
    const entities = lines
      .filter(({ statistics }) => this.known.has(statistics))
      .map(({ statistics, metric, name, color }) => ({ entity: `${statistics}_${metric}`, name: short(name), color }));
    const graph = {
      type: "statistics-graph",
      ...PICKED,
      energy_date_selection: true,
      chart_type: kind,
      stat_types: ["change"],
      entities,
      hide_legend: entities.length === 1,
      grid_options: FULL,
    };
    const later = this.hint("mdi:chart-bar-stacked", undefined, this.t("no_statistics"));
    return { type: "grid", column_span: span, cards: [this.heading(title), entities.length ? graph : later] };
  }

  heading(text, path = undefined) {
    const action = path ? { action: "navigate", navigation_path: path } : { action: "none" };
    return { type: "heading", heading: capital(text), tap_action: action };
  }

  /** Return links, with these fields, to a page of the settings; none for who may not see the settings. */
  toSettings(path, link) {
    return this.admin ? [{ ...link, tap_action: { action: "navigate", navigation_path: `/config/${path}` } }] : [];
  }

  /** Return links to a device's page. */
  toDevice({ device_id: id }, link) {
    return id ? this.toSettings(`devices/device/${id}`, link) : [];
  }

  hint(icon, title, content, buttons = undefined) {
    return { type: "empty-state", icon, title, content, buttons, grid_options: FULL };
  }

  /** Return a heading's text that says whose it is where there are several proxies. */
  of(proxy, text) {
    return this.several ? `${text} · ${proxy.name}` : text;
  }

  by(key, dimension) {
    return this.t(key, { kind: this.t(dimension ?? "proxy") });
  }
}

function short(name) {
  const characters = [...name];
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join("")}…` : name;
}

/** Return what our cards ask for the usage of a proxy. */
export function source({ id, name, known_from: since }) {
  return { entry_id: id, name, since };
}
