import assert from "node:assert/strict";
import test from "node:test";

import { cards, made, member, ofType, proxy, SPENT } from "./pages.js";

/** Return the title of the first hint of the first view. */
function title(proxies) {
  return ofType(made(proxies)[0], "empty-state")[0].title;
}

test("there is a view per shown dimension, one for health, and a page per member", () => {
  const views = made([proxy("a")]);
  assert.deepEqual(
    views.filter((view) => !view.subview).map((view) => view.title),
    ["Overview", "Models", "Teams", "Health"],
  );
  assert.deepEqual(
    views.filter((view) => view.subview).map((view) => view.title),
    ["gpt", "free", "Home"],
  );
  assert.equal(new Set(views.map((view) => view.path)).size, views.length);
});

test("every link of a table leads to a page that there is", () => {
  const views = made([proxy("a"), proxy("b")]);
  const paths = new Set(views.map((view) => view.path));
  for (const table of views.flatMap((view) => ofType(view, "custom:litellm-pulse-table"))) {
    for (const { path } of Object.values(table.members)) {
      assert.ok(path === undefined || paths.has(path), path);
    }
  }
  for (const { back_path: back } of views.filter((view) => view.back_path)) {
    assert.ok(paths.has(back), back);
  }
});

test("every heading leads to a view that there is", () => {
  const views = made([proxy("a")]);
  const paths = new Set(views.map((view) => view.path));
  const links = views.flatMap((view) => ofType(view, "heading")).map((card) => card.tap_action.navigation_path);
  assert.ok(links.some(Boolean));
  assert.ok(links.filter(Boolean).every((link) => paths.has(link)));
});

test("the overview begins with the date picker, what is spent now, and the stacked bars", () => {
  const [overview] = made([proxy("a")]);
  const types = cards(overview).map((card) => card.type);
  assert.deepEqual(types.slice(0, 8), [
    "energy-date-selection",
    "energy-compare",
    "tile",
    "tile",
    "tile",
    "tile",
    "heading",
    "statistics-graph",
  ]);
  const [graph] = ofType(overview, "statistics-graph");
  assert.equal(graph.chart_type, "bar-stack");
  assert.deepEqual(
    graph.entities.map(({ entity }) => entity),
    ["litellm_pulse:a_model_ab_spend", "litellm_pulse:a_model_cd_spend"],
  );
});

test("all that follows the date follows the same, which is not the Energy page's", () => {
  const followers = made([proxy("a")])
    .flatMap(cards)
    .filter((card) => "collection_key" in card);
  assert.ok(followers.length > 0);
  assert.ok(followers.every((card) => card.collection_key === "energy_litellm_pulse"));
});

test("graphs wait for the first statistics and say so", () => {
  const [overview] = made([proxy("a")], { known: new Set() });
  assert.equal(ofType(overview, "statistics-graph").length, 0);
  assert.ok(ofType(overview, "empty-state").some((card) => card.content.includes("full hour")));
});

test("several proxies are compared, and each has its overview", () => {
  const views = made([proxy("a"), proxy("b")]);
  assert.deepEqual(
    views.filter((view) => !view.subview).map((view) => view.title),
    ["All proxies", "a", "b", "Health"],
  );
  const [table] = ofType(views[0], "custom:litellm-pulse-table");
  assert.deepEqual(
    table.sources.map((source) => source.entry_id),
    ["a", "b"],
  );
});

test("limits and budgets that are set have a gauge each; where none is, a hint says so", () => {
  const team = member("Home", "litellm_pulse:a_team_ef", {
    entities: { budget_used: "sensor.used" },
    budget: { remaining: 1, maximum: 10 },
  });
  const limited = proxy("a", {
    entities: { ...SPENT, limit_used_day: "sensor.limit_day", limit_used_week: "sensor.limit_week" },
    limits: { day: 5 },
    dimensions: [{ dimension: "team", members: [team] }],
  });
  assert.deepEqual(
    ofType(made([limited])[0], "gauge").map(({ entity, name }) => [entity, name]),
    [
      // Each in its own direction, whatever it begins with.
      ["sensor.limit_day", "\u2068Daily limit\u2069"],
      ["sensor.used", "\u2068Home: budget\u2069"],
    ],
  );
  assert.deepEqual(
    ofType(made([limited])[0], "gauge").map(({ grid_options: grid }) => grid.columns),
    [6, 6],
  );
  const hint = ofType(made([proxy("a")])[0], "empty-state").find(({ content }) =>
    content.startsWith("No limit is set"),
  );
  assert.equal(hint.buttons[0].tap_action.navigation_path, "/config/devices/device/a");
});

test("where more limits are set than there is place for, those of members that are used up most are shown", () => {
  const teams = Array.from({ length: 9 }, (_, index) =>
    member(`t${index}`, `litellm_pulse:a_team_${index}`, {
      entities: { budget_used: `sensor.t${index}` },
      budget: { remaining: 1, maximum: 10 },
    }),
  );
  const limited = proxy("a", {
    entities: { ...SPENT, limit_used_day: "sensor.limit_day" },
    limits: { day: 5 },
    dimensions: [{ dimension: "team", members: teams }],
  });
  const states = { "sensor.limit_day": "1.0", "sensor.t3": "unknown", "sensor.t7": "104.5", "sensor.t8": "20" };
  const [overview] = made([limited], { state: (entity) => states[entity] });
  assert.deepEqual(
    ofType(overview, "gauge").map(({ entity }) => entity),
    ["sensor.limit_day", "sensor.t7", "sensor.t8", "sensor.t0", "sensor.t1", "sensor.t2"],
  );
});

test("a gauge whose name is long has a phone's whole width", () => {
  const model = member("claude-sonnet-4-5", "litellm_pulse:a_model_ef", {
    entities: { limit_used_day: "sensor.of_model" },
    limits: { day: 5 },
  });
  const limited = proxy("a", {
    entities: { ...SPENT, limit_used_day: "sensor.limit_day" },
    limits: { day: 5 },
    dimensions: [{ dimension: "model", members: [model] }],
  });
  assert.deepEqual(
    ofType(made([limited])[0], "gauge").map(({ grid_options: grid }) => grid.columns),
    [6, 12],
  );
});

function linked(proxies, admin) {
  return JSON.stringify(made(proxies, { admin })).match(/"\/config\//gu)?.length ?? 0;
}

test("who may not see the settings is led to no page of them", () => {
  for (const proxies of [[], [proxy("a")]]) {
    assert.ok(linked(proxies, true) > 0);
    assert.equal(linked(proxies, false), 0);
  }
});

test("the page of a member says that what its limits are set with is disabled at first", () => {
  const page = made([proxy("a")]).find(({ title: name }) => name === "gpt");
  const hints = ofType(page, "empty-state").map(({ content }) => content);
  assert.deepEqual(
    hints.filter((text) => text.startsWith("No limit is set. Enable one")),
    hints.filter((text) => text.startsWith("No limit")),
  );
  assert.equal(hints.length, 1);
});

function budgeted(ids, entities) {
  const budget = { remaining: 1, maximum: 10 };
  const members = ids.map((id) => member(id, `litellm_pulse:a_team_${id}`, { budget, entities }));
  return proxy("a", { dimensions: [{ dimension: "team", members }] });
}

test("a limit or budget whose sensor is disabled is not told as none", () => {
  for (const one of [proxy("a", { limits: { day: 5 } }), budgeted(["Home"], {})]) {
    const hints = ofType(made([one])[0], "empty-state").map(({ content }) => content);
    assert.match(hints.join("\n"), /no sensor that is enabled/u);
    assert.doesNotMatch(hints.join("\n"), /No limit is set/u);
  }
});

function columns(one) {
  return ofType(made([one])[0], "gauge").map(({ grid_options: options }) => options.columns);
}

test("each name of a gauge has half of the row", () => {
  const entities = { budget_used: "sensor.used" };
  assert.deepEqual(columns(budgeted(["a"], entities)), [12]);
  assert.deepEqual(columns(budgeted(["a", "b", "c"], entities)), [6, 6, 6]);
});

test("without a proxy, without an answer and without usage the page says what to do", () => {
  assert.equal(title([]), "No LiteLLM proxy is set up");
  assert.equal(
    title([proxy("a", { loaded: false, dimensions: [], error: "Nothing answers" })]),
    "a is not available yet",
  );
  assert.equal(title([proxy("a", { dimensions: [] })]), "Nothing has been spent yet");
});

test("without the energy integration the page says how to get a date picker", () => {
  const [overview] = made([proxy("a")], { energy: false });
  assert.equal(ofType(overview, "energy-date-selection").length, 0);
  assert.ok(cards(overview)[0].content.includes("configuration.yaml"));
});

test("a table calls a member as the graph beside it does: as its device was renamed", () => {
  const model = member("gpt-4o", "litellm_pulse:a_model_ab", { name: "Work horse" });
  const [overview] = made([proxy("a", { dimensions: [{ dimension: "model", members: [model] }] })]);
  const [table] = ofType(overview, "custom:litellm-pulse-table");
  assert.equal(table.members["gpt-4o"].name, "Work horse");
  assert.equal(ofType(overview, "statistics-graph")[0].entities[0].name, "Work horse");
});

test("a name of any length fits into the tooltip of a graph", () => {
  const dimensions = [{ dimension: "model", members: [member("x".repeat(10_000), "litellm_pulse:a_model_ab")] }];
  const [graph] = ofType(made([proxy("a", { dimensions })])[0], "statistics-graph");
  assert.equal(graph.entities[0].name, `${"x".repeat(39)}…`);
});

test("names are data: none is ever in a card that takes HTML or Markdown", () => {
  const evil = "<img src=x onerror=alert(1)>";
  const dimensions = [{ dimension: "model", members: [member(evil, "litellm_pulse:a_model_ab", { name: evil })] }];
  const types = new Set(
    made([proxy("a", { name: evil, dimensions })])
      .flatMap(cards)
      .map((card) => card.type),
  );
  for (const type of ["markdown", "iframe", "picture"]) {
    assert.ok(!types.has(type));
  }
});
