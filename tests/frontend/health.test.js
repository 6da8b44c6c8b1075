import assert from "node:assert/strict";
import test from "node:test";

import { cards, made, member, ofType, proxy, SPENT } from "./pages.js";

test("health tells of a disabled entity what is known, of deployments those in trouble first", () => {
  const models = [
    member("good", "litellm_pulse:a_model_ab", { health: "healthy" }),
    member("bad", "litellm_pulse:a_model_cd", { health: "complete_outage" }),
  ];
  const health = made([proxy("a", { dimensions: [{ dimension: "model", members: models }] })]).find(
    ({ path }) => path === "health",
  );
  const [connection, deployments] = ofType(health, "entities");
  assert.deepEqual(connection.entities[0], {
    type: "text",
    name: "Connection",
    text: "Connected",
    icon: "mdi:information-outline",
  });
  assert.equal(connection.entities[1].text, "at 2026-11-25T12:00:00+00:00");
  assert.equal(connection.entities.find(({ name }) => name === "Unpriced today").text, "#0 requests");
  assert.equal(connection.state_color, false);
  assert.deepEqual(
    deployments.entities.map(({ name }) => name),
    ["bad", "good"],
  );
});

test("health says live why a proxy is not read, after the page was opened too", () => {
  const view = made([proxy("a", { entities: { connected: "binary_sensor.a", status: "sensor.a" } })]).find(
    ({ path }) => path === "health",
  );
  assert.deepEqual(ofType(view, "entities")[0].entities.slice(0, 2), [
    { entity: "binary_sensor.a", name: "Connection" },
    { entity: "sensor.a", name: "Status" },
  ]);
});

test("why a proxy does not answer stands above its rows, where it is not cut", () => {
  const health = made([proxy("a", { error: "Nothing answers" })]).find(({ path }) => path === "health");
  assert.deepEqual(
    ofType(health, "empty-state").map(({ content }) => content),
    ["Nothing answers"],
  );
  assert.ok(!JSON.stringify(ofType(health, "entities")).includes("Nothing answers"));
});

/** Return how many links to pages of the settings there are. */
function importRows(more) {
  const view = made([proxy("a", more)]).find(({ path }) => path === "health");
  const titles = cards(view).map((card) => card.heading);
  const at = titles.indexOf("History from before the set-up");
  return at < 0 ? undefined : cards(view)[at + 1].entities;
}

test("health tells how far the import of history is, where a source of it is chosen", () => {
  const told = { oldest_day: "2026-05-01", rows: 12, percent: 40, message: "Why." };
  const history = { state: "failed", source: "database", ...told };
  assert.equal(importRows({}), undefined);
  assert.equal(importRows({ history: { ...history, state: "off" } }), undefined);
  assert.deepEqual(
    importRows({ history }).map(({ name, text }) => [name, text]),
    [
      ["Import", "Failed"],
      ["Known since", "2026-05-01"],
      ["Read so far", "40 %"],
      ["Rows kept", "12"],
      ["Error", "Why."],
    ],
  );
  const entities = { ...SPENT, history_import: "sensor.import" };
  const live = importRows({ history, entities });
  assert.deepEqual(
    live.map(({ attribute, row }) => attribute ?? row?.attribute),
    [undefined, "oldest_day", "percent", "rows", "error"],
  );
  assert.ok(live.every(({ entity, row }) => (entity ?? row.entity) === "sensor.import"));
  assert.equal(importRows({ history: { ...history, source: "api" }, entities }).length, 4);
});
