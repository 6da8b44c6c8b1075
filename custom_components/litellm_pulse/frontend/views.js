/** The views of the dashboard, as Lovelace configuration: what is known of the proxies in, cards out. */

import { budgetCards } from "./limits.js";
import { healthView } from "./health.js";
import { COLLECTION_KEY } from "./period.js";
import { capital } from "./translations.js";

const PICKED = { collection_key: COLLECTION_KEY };
const FULL = { columns: "full" };
const WINDOWS = { day: "today", week: "this_week", month: "this_month" };

/** Return the configuration of the whole dashboard. `known` holds whose statistics there are. */
export function dashboard({ proxies, known, energy, t, color }) {
  const build = new Builder({ known, energy, t, color, several: proxies.length > 1 });
  const loaded = proxies.filter((proxy) => proxy.loaded);
  if (!loaded.length) {
    return { views: [build.view({ title: t("overview"), path: "overview", sections: [build.nothing(proxies)] })] };
  }
  const views = loaded.flatMap((proxy) => build.ofProxy(proxy));
  return {
    views: [
      ...(build.several ? [build.ofAll(loaded)] : []),
      ...views.filter((view) => !view.subview),
      healthView(build, proxies),
      ...views.filter((view) => view.subview),
    ],
  };
}

/** Makes views; holds what all of them need to know. */
class Builder {
  constructor(context) {
    Object.assign(this, context);
  }

  view(config) {
    return { type: "sections", max_columns: 3, dense_section_placement: true, ...config };
  }

  /** Return the view that compares the proxies. */
  ofAll(proxies) {
    const members = proxies.map((proxy, index) => ({ ...proxy, path: pathOf(proxy), color: this.color(index) }));
    return this.view({
      title: this.t("all_proxies"),
      path: "all",
      sections: [
        this.picker(),
        this.graph(this.t("spend_by", { kind: this.t("proxy") }), members, "spend", 2),
        this.period(members),
        this.table(members, { members }),
      ],
    });
  }

  /** Return the views of a proxy: its overview, one per dimension, one per member. */
  ofProxy(proxy) {
    const overview = this.view({
      title: this.several ? proxy.name : this.t("overview"),
      path: pathOf(proxy),
      sections: this.overview(proxy),
    });
    return [overview, ...proxy.dimensions.flatMap((one) => this.ofDimension(proxy, one))];
  }

  overview(proxy) {
    if (!proxy.spend && !proxy.dimensions.length) {
      return [this.hint("mdi:cash-clock", "nothing_yet")];
    }
    const [first] = proxy.dimensions;
    return [
      this.picker(),
      this.spending(proxy, first ? this.by("spend_by", first) : this.t("spend"), first ? this.colored(first) : [proxy]),
      this.period([proxy], undefined, budgetCards(this, proxy)),
      ...proxy.dimensions.map((one) => this.tableOf(proxy, one)),
      ...this.traffic(proxy),
      ...(first ? [this.prices(proxy, first)] : []),
    ];
  }

  ofDimension(proxy, one) {
    const kind = this.t(`${one.dimension}s`);
    const path = pathOf(proxy, one);
    const members = this.colored(one);
    const view = this.view({
      title: this.several ? `${kind} · ${proxy.name}` : kind,
      path,
      subview: this.several,
      back_path: this.several ? pathOf(proxy) : undefined,
      sections: [
        this.picker(),
        this.graph(this.by("spend_by", one), members, "spend", 2),
        this.tableOf(proxy, one),
        this.prices(proxy, one),
        this.graph(this.by("tokens_by", one), members, "tokens", 1),
      ],
    });
    return [view, ...members.map((member) => this.ofMember(proxy, one, member, path))];
  }

  ofMember(proxy, { dimension }, member, back) {
    const others = proxy.dimensions.filter((one) => one.dimension !== dimension);
    const filter = { dimension, id: member.id };
    return this.view({
      title: member.name,
      path: pathOf(member),
      subview: true,
      back_path: back,
      sections: [
        this.picker(),
        this.spending(member, this.t("spend"), [member]),
        this.period([proxy], filter, budgetCards(this, { ...member, dimensions: [] })),
        ...others.map((one) => this.tableOf(proxy, one, filter)),
        ...this.traffic(member),
      ],
    });
  }

  /** Return the date picker, with what it compares. */
  picker() {
    const picker = { type: "energy-date-selection", ...PICKED, grid_options: FULL };
    const missing = {
      type: "empty-state",
      icon: "mdi:calendar-alert",
      title: this.t("no_energy"),
      content: this.t("no_energy_text"),
      grid_options: FULL,
    };
    const compare = { type: "energy-compare", ...PICKED, grid_options: FULL };
    return { type: "grid", column_span: 3, cards: this.energy ? [picker, compare] : [missing] };
  }

  /** Return what is spent now, window by window, above the graph of the picked period. */
  spending(subject, title, members) {
    const windows = Object.entries(WINDOWS).map(([window, name]) => this.spent(subject, window, this.t(name)));
    const { spend_forecast: forecast, spend_lifetime: lifetime } = subject.entities;
    const last = forecast
      ? [this.tile(forecast, this.t("forecast"), "mdi:chart-line")]
      : lifetime && [this.tile(lifetime, this.t("lifetime"), "mdi:sigma")];
    const graph = this.graph(title, members, "spend", 2);
    return { ...graph, cards: [...windows, ...(last || []), ...graph.cards] };
  }

  /** Return a tile of the spend in a window; of a sensor that is disabled, the same from the statistics. */
  spent({ entities, statistics }, window, name) {
    const entity = entities[`spend_${window}`];
    return entity
      ? this.tile(entity, name, "mdi:cash")
      : {
          type: "statistic",
          entity: `${statistics}_spend`,
          name,
          stat_type: "change",
          period: { calendar: { period: window } },
          unit: "USD",
          grid_options: { columns: 6 },
        };
  }

  tile(entity, name, icon) {
    return { type: "tile", entity, name, icon, color: "primary", grid_options: { columns: 6 } };
  }

  /** Return the figures of the picked period, and what belongs beside them. */
  period(proxies, filter = undefined, more = []) {
    return { type: "grid", cards: [this.heading(this.t("picked")), this.figures(proxies, filter), ...more] };
  }

  figures(proxies, filter = undefined) {
    return {
      type: "custom:litellm-pulse-summary",
      sources: proxies.map(source),
      filter,
      figures: ["spend", "requests", "failed", "input", "output", "cached", "per_request", "per_token"],
      grid_options: FULL,
    };
  }

  tableOf(proxy, { dimension, members }, filter = undefined) {
    const path = pathOf(proxy, { dimension });
    const named = this.colored({ members });
    return this.table([proxy], { dimension, members: named, filter, path });
  }

  table(proxies, { dimension, members, filter, path, columns = ["spend", "share", "change"] }) {
    const title = this.t("spend_by", { kind: this.t(dimension ?? "proxy") });
    return { type: "grid", cards: [this.heading(title, path), this.rows(proxies, { dimension, members, filter, columns })] };
  }

  rows(proxies, { dimension, members, filter, columns }) {
    return {
      type: "custom:litellm-pulse-table",
      sources: proxies.map(source),
      dimension,
      filter,
      columns,
      members: Object.fromEntries(members.map((one) => [one.id, { path: one.path, color: one.color }])),
      grid_options: FULL,
    };
  }

  /** Return what use costs: per request, per token, and how much comes from the cache. */
  prices(proxy, one) {
    const columns = ["requests", "per_request", "per_token", "cached"];
    const rows = this.rows([proxy], { ...one, members: this.colored(one), columns });
    return { type: "grid", column_span: 2, cards: [this.heading(this.by("price_by", one)), rows] };
  }

  traffic({ statistics }) {
    const line = (metric) => ({ statistics, metric, name: capital(this.t(LABELS[metric])) });
    return [
      this.bars(this.t("tokens_in_out"), ["input_tokens", "output_tokens"].map(line), "bar-stack"),
      this.bars(this.t("requests_failed"), ["requests", "failed_requests"].map(line), "bar"),
    ];
  }

  graph(title, members, metric, span) {
    const lines = members.map(({ statistics, name, color }) => ({ statistics, metric, name, color }));
    return this.bars(title, lines, "bar-stack", span);
  }

  bars(title, lines, kind, span = 1) {
    const entities = lines
      .filter(({ statistics }) => this.known.has(statistics))
      .map(({ statistics, metric, name, color }) => ({ entity: `${statistics}_${metric}`, name, color }));
    const graph = {
      type: "statistics-graph",
      ...PICKED,
      energy_date_selection: true,
      chart_type: kind,
      stat_types: ["change"],
      entities,
      grid_options: FULL,
    };
    const later = { type: "empty-state", icon: "mdi:chart-bar-stacked", content: this.t("no_statistics"), grid_options: FULL };
    return { type: "grid", column_span: span, cards: [this.heading(title), entities.length ? graph : later] };
  }

  heading(heading, path = undefined) {
    const action = path && { action: "navigate", navigation_path: path };
    return { type: "heading", heading: capital(heading), tap_action: action ?? { action: "none" } };
  }

  hint(icon, key, values = {}, buttons = undefined) {
    const card = { type: "empty-state", icon, title: this.t(key, values), content: this.t(`${key}_text`), buttons };
    return { type: "grid", column_span: 3, cards: [{ ...card, grid_options: FULL }] };
  }

  /** Return what to do where there is no proxy to show, or none that has been reached. */
  nothing(proxies) {
    if (!proxies.length) {
      const path = "/config/integrations/dashboard/add?domain=litellm_pulse";
      const action = { action: "navigate", navigation_path: path };
      return this.hint("mdi:server-plus", "no_proxy", {}, [{ text: this.t("add_proxy"), tap_action: action }]);
    }
    const cards = proxies.map(({ name, error }) => ({
      type: "empty-state",
      icon: "mdi:server-network-off",
      title: this.t("not_loaded", { name }),
      content: error ?? "",
      grid_options: FULL,
    }));
    return { type: "grid", column_span: 3, cards };
  }

  by(key, { dimension }) {
    return this.t(key, { kind: this.t(dimension) });
  }

  /** Return the members of a dimension, each with its color and the path of its page. */
  colored({ members }) {
    return members.map((member, index) => ({ ...member, path: pathOf(member), color: this.color(index) }));
  }
}

const LABELS = { input_tokens: "input", output_tokens: "output", requests: "requests", failed_requests: "failed" };

function source({ id, entry_id = id, name }) {
  return { entry_id, name };
}

/** Return the path of a page: a proxy's, a member's, or that of a proxy's dimension. */
function pathOf({ statistics }, one = undefined) {
  const id = statistics.split(":")[1];
  return one ? id.replace(/total$/, one.dimension) : id;
}
