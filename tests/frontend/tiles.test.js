import assert from "node:assert/strict";
import test from "node:test";

import { cards, made, ofType, proxy } from "./pages.js";

function shownFirst(more) {
  return cards(made([proxy("a", more)])[0])
    .filter(({ type }) => ["tile", "custom:litellm-pulse-now"].includes(type))
    .map(({ type, name }) => [type, name]);
}

test("a sensor that is disabled is told from the ledger", () => {
  const [overview] = made([proxy("a", { entities: { spend_day: "sensor.day" } })]);
  assert.deepEqual(
    ofType(overview, "tile").map(({ entity }) => entity),
    ["sensor.day"],
  );
  assert.deepEqual(
    ofType(overview, "custom:litellm-pulse-now").map(({ sources, window, since }) => [
      sources[0].entry_id,
      window,
      since,
    ]),
    [
      ["a", "week", "2026-11-23T00:00:00+01:00"],
      ["a", "month", "2026-11-01T00:00:00+01:00"],
    ],
  );
});

test("of a member whose sensors are disabled the ledger tells spend and tokens", () => {
  const page = made([proxy("a")]).find(({ title: name }) => name === "gpt");
  assert.deepEqual(
    ofType(page, "custom:litellm-pulse-now").map(({ filter, window, figure }) => [filter.id, window, figure]),
    [
      ["gpt", "day", "spend"],
      ["gpt", "month", "spend"],
      ["gpt", "day", "tokens"],
    ],
  );
});

test("a month that began before the set-up is shown with what history tells of it", () => {
  const [today, week, month, forecast] = ["Today", "This week", "This month", "Forecast"];
  const all = [today, week, month, forecast].map((name) => ["tile", name]);
  assert.deepEqual(shownFirst({}), all);
  assert.deepEqual(shownFirst({ begun_before: ["month", "year"] }), [
    ["tile", today],
    ["tile", week],
    ["custom:litellm-pulse-now", month],
    ["tile", forecast],
  ]);
});
