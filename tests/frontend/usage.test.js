import assert from "node:assert/strict";
import test from "node:test";

import { change, FIGURES, usageBefore, usageOf } from "../../custom_components/litellm_pulse/frontend/usage.js";

const USED = {
  cost: 1,
  requests: 10,
  failed_requests: 1,
  tokens: 1000,
  input_tokens: 800,
  output_tokens: 200,
  input_cached_tokens: 200,
};

/** Return a Home Assistant whose proxies have these rows, and what it was asked. */
function home(rows) {
  const asked = [];
  const callWS = (message) => {
    asked.push(message);
    return Promise.resolve({ usage: rows(message) });
  };
  return [{ callWS }, asked];
}

test("usage is added up per member, over all periods and proxies", async () => {
  const [hass] = home(({ group_by: by }) =>
    by.length
      ? [
          { ...USED, team: "a" },
          { ...USED, team: "a" },
        ]
      : [USED, USED],
  );
  const sources = [{ entry_id: "one" }, { entry_id: "two" }];
  const { rows, total } = await usageOf(hass, { sources, dimension: "team" }, { start: 1, end: 2 });
  assert.deepEqual(
    rows.map(({ id, sum }) => [id, sum.cost]),
    [["a", 4]],
  );
  assert.equal(total.cost, 4);
});

test("the total is asked for on its own, since a request with two tags is used once", async () => {
  const [hass] = home(({ group_by: by }) =>
    by.length
      ? [
          { ...USED, tag: "a" },
          { ...USED, tag: "b" },
        ]
      : [USED],
  );
  const { rows, total } = await usageOf(hass, { sources: [{ entry_id: "t" }], dimension: "tag" }, { start: 1, end: 2 });
  assert.equal(rows.length, 2);
  assert.equal(total.cost, 1);
});

test("a member's page counts that member only", async () => {
  const all = [
    { ...USED, team: "a", model: "x" },
    { ...USED, team: "b", model: "x" },
  ];
  const [hass] = home(() => all);
  const filter = { dimension: "team", id: "a" };
  const config = { sources: [{ entry_id: "f" }], dimension: "model", filter };
  const { rows, total } = await usageOf(hass, config, { start: 1, end: 2 });
  assert.equal(rows[0].sum.cost, 1);
  assert.equal(total.cost, 1);
});

test("without a dimension each proxy is a row, by its name", async () => {
  const [hass] = home(() => [USED]);
  const { rows } = await usageOf(hass, { sources: [{ entry_id: "p", name: "Office" }] }, { start: 1, end: 2 });
  assert.deepEqual([rows[0].id, rows[0].name], ["p", "Office"]);
});

test("cards that ask the same are answered by one question", async () => {
  const [hass, asked] = home(() => [USED]);
  const config = { sources: [{ entry_id: "same" }] };
  await Promise.all([usageOf(hass, config, { start: 1, end: 2 }), usageOf(hass, config, { start: 1, end: 2 })]);
  assert.equal(asked.length, 1);
});

test("an answer that failed is asked for again", async () => {
  let failing = true;
  const callWS = () => (failing ? Promise.reject(new Error("busy")) : Promise.resolve({ usage: [USED] }));
  const config = { sources: [{ entry_id: "again" }] };
  await assert.rejects(usageOf({ callWS }, config, { start: 1, end: 2 }), /busy/u);
  failing = false;
  assert.equal((await usageOf({ callWS }, config, { start: 1, end: 2 })).total.cost, 1);
});

test("a period of which only a part is known is not compared with", async () => {
  const [hass, asked] = home(() => [USED]);
  const known = "2026-11-10T00:00:00+01:00";
  const sources = [{ entry_id: "old" }, { entry_id: "young", since: known }];
  const from = Date.parse(known);
  const before = await usageBefore(hass, { sources }, { start: from - 1, end: from + 9 });
  assert.deepEqual([before.total.cost, before.unknown], [0, true]);
  assert.deepEqual(asked, []);
  assert.equal((await usageBefore(hass, { sources }, { start: from, end: from + 9 })).total.cost, 2);
});

test("figures are worked out of sums; of nothing they are unknown, not zero", () => {
  assert.equal(FIGURES.per_request.of(USED), 100);
  assert.equal(FIGURES.per_token.of(USED), 1000);
  assert.equal(FIGURES.cached.of(USED), 0.25);
  assert.equal(FIGURES.per_request.of({ cost: 0, requests: 0 }), undefined);
});

test("a change needs something to have changed from", () => {
  assert.equal(change("spend", { cost: 3 }, { cost: 2 }), 0.5);
  assert.equal(change("spend", { cost: 3 }, { cost: 0 }), undefined);
  assert.equal(change("spend", { cost: 3 }, undefined), undefined);
  assert.equal(change("per_request", { cost: 0, requests: 0 }, USED), undefined);
});

test("a share changes by points: a share of a share is easily misread", () => {
  const less = { ...USED, input_cached_tokens: 160 };
  assert.ok(Math.abs(change("cached", less, USED) + 0.05) < 1e-9);
  assert.equal(change("cached", USED, { ...USED, input_cached_tokens: 0 }), 0.25);
  assert.equal(change("cached", USED, { ...USED, input_tokens: 0 }), undefined);
});
