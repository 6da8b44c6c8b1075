/** The views of the dashboard, as Lovelace configuration: what is known of the proxies in, cards out. */

import { Builder, colored, pathOf, source } from "./builder.js";
import { healthView } from "./health.js";
import { allStatistics } from "./known.js";
import { limitCards } from "./limits.js";

const NOW_OF_PROXY = ["spend_day", "spend_week", "spend_month", "spend_forecast"];
const NOW_OF_MEMBER = ["spend_day", "spend_month", "spend_lifetime", "tokens_day"];

/**
 * Return the configuration of the whole dashboard.
 *
 * `known` holds whose statistics there are, `energy` says whether there is a date picker, `admin` whether the
 * user may see the settings; `state` gives the state of an entity, `t` translates, `moment` writes an ISO time,
 * `count` a number, and `color` gives the color of a graph's line by its number.
 */
export function dashboard({ proxies, known, ...shared }) {
  const lacking = allStatistics(proxies).filter((one) => !known.has(one));
  const { t, color } = shared;
  const build = new Builder({ known, lacking, ...shared, several: proxies.length > 1 });
  const loaded = proxies.filter((proxy) => proxy.loaded).map((proxy) => prepared(proxy, color));
  if (!loaded.length) {
    return { views: [build.view({ title: t("overview"), path: "overview", sections: [whatToDo(build, proxies)] })] };
  }
  const views = loaded.flatMap((proxy) => viewsOf(build, proxy));
  return {
    views: [
      ...(build.several ? [viewOfAll(build, loaded)] : []),
      ...views.filter((view) => !view.subview),
      healthView(build, [...loaded, ...proxies.filter((proxy) => !proxy.loaded)]),
      ...views.filter((view) => view.subview),
    ],
  };
}

/** Return a proxy whose members have colors and pages; all know where their usage is asked for. */
function prepared(proxy, color) {
  const { begun_before, window_starts, time_zone } = proxy;
  const shared = { begun_before, window_starts, time_zone, sources: [source(proxy)] };
  const dimensions = proxy.dimensions.map(({ dimension, members }) => ({
    dimension,
    members: colored(members, color).map((one) => ({ ...one, ...shared, filter: { dimension, id: one.id } })),
  }));
  return { ...proxy, ...shared, dimensions };
}

/** Return the view that compares the proxies. */
function viewOfAll(build, proxies) {
  const members = colored(proxies, build.color);
  return build.view({
    title: build.t("all_proxies"),
    path: "all",
    sections: [
      build.picker(),
      build.graph(build.by("spend_by"), members, "spend", 2),
      build.figures(proxies),
      build.table(proxies, { members }),
    ],
  });
}

/** Return the views of a proxy: its overview, one per dimension, one per member. */
function viewsOf(build, proxy) {
  const title = build.several ? proxy.name : build.t("overview");
  const overview = build.view({ title, path: pathOf(proxy), sections: overviewOf(build, proxy) });
  return [overview, ...proxy.dimensions.flatMap((one) => viewsOfDimension(build, proxy, one))];
}

function overviewOf(build, proxy) {
  const { t } = build;
  const [first] = proxy.dimensions;
  if (!first) {
    const hint = build.hint("mdi:cash-clock", t("nothing_yet"), t("nothing_yet_text"));
    return [{ type: "grid", column_span: 3, cards: [hint] }];
  }
  return [
    build.picker(),
    build.spending(proxy, NOW_OF_PROXY, build.by("spend_by", first.dimension), first.members),
    build.figures([proxy], undefined, limitCards(build, proxy)),
    ...proxy.dimensions.map((one) => build.table([proxy], { ...one, path: pathOf(proxy, one.dimension) })),
    ...build.traffic(proxy),
    build.prices(proxy, first),
  ];
}

function viewsOfDimension(build, proxy, one) {
  const kind = build.t(`${one.dimension}s`);
  const path = pathOf(proxy, one.dimension);
  const view = build.view({
    title: build.of(proxy, kind),
    path,
    subview: build.several,
    back_path: build.several ? pathOf(proxy) : undefined,
    sections: [
      build.picker(),
      build.graph(build.by("spend_by", one.dimension), one.members, "spend", 2),
      build.table([proxy], one),
      build.graph(build.by("tokens_by", one.dimension), one.members, "tokens"),
      build.prices(proxy, one),
    ],
  });
  return [view, ...one.members.map((member) => viewOfMember(build, proxy, one.dimension, member))];
}

/** Return the page of a member: what it spends, and by whom or on what. */
function viewOfMember(build, proxy, dimension, member) {
  const { filter } = member;
  const others = proxy.dimensions.filter((one) => one.dimension !== dimension);
  return build.view({
    title: member.name,
    path: pathOf(member),
    subview: true,
    back_path: pathOf(proxy, dimension),
    sections: [
      build.picker(),
      build.spending(member, NOW_OF_MEMBER, build.t("spend"), [member]),
      build.figures([proxy], filter, limitCards(build, { ...member, dimensions: [] })),
      ...others.map((one) => build.table([proxy], { ...one, filter, path: pathOf(proxy, one.dimension) })),
      ...build.traffic(member),
    ],
  });
}

/** Return what to do where there is no proxy to show, or none that has been reached. */
function whatToDo(build, proxies) {
  const { t } = build;
  const add = build.toSettings("integrations/dashboard/add?domain=litellm_pulse", { text: t("add_proxy") });
  const missing = build.hint("mdi:server-plus", t("no_proxy"), t("no_proxy_text"), add);
  const unreached = proxies.map(({ name, error }) =>
    build.hint("mdi:server-network-off", t("not_loaded", { name }), error ?? undefined),
  );
  return { type: "grid", column_span: 3, cards: proxies.length ? unreached : [missing] };
}
