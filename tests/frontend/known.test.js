import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { hasMore, withStatistics } from "../../custom_components/litellm_pulse/frontend/known.js";
import { member, proxy } from "./pages.js";

const MINUTE = 60_000;
const TEN_PAST = Date.UTC(2026, 10, 26, 14, 10);

function server(ids) {
  const asked = [];
  const callWS = ({ statistic_ids: wanted }) => {
    asked.push(Date.now());
    return Promise.resolve(wanted.filter((id) => ids.includes(id)).map((id) => ({ statistic_id: id })));
  };
  return { callWS, asked, ids };
}

async function pass(timers, minutes) {
  timers.tick(MINUTE);
  // Answers come in turns of their own.
  await turn();
  return minutes > 1 ? pass(timers, minutes - 1) : undefined;
}

const one = proxy("a", { dimensions: [{ dimension: "model", members: [member("gpt", "litellm_pulse:a_model_ab")] }] });
const all = ["litellm_pulse:a_total_spend", "litellm_pulse:a_model_ab_spend"];

test("a page that stays open is made anew when the first statistics are there", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: TEN_PAST });
  const hass = server([]);
  assert.deepEqual(await withStatistics(hass, [one]), new Set());
  await pass(mock.timers, 50);
  assert.equal(hasMore(), false);
  hass.ids.push(...all);
  await pass(mock.timers, 3);
  assert.equal(hasMore(), true);
  assert.equal((await withStatistics(hass, [one])).size, 2);
  assert.equal(hasMore(), false);
});

test("what never has statistics is asked for once an hour, and makes no page anew", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: TEN_PAST });
  const hass = server(all.slice(0, 1));
  assert.deepEqual(await withStatistics(hass, [one]), new Set(["litellm_pulse:a_total"]));
  await pass(mock.timers, 180);
  assert.equal(hasMore(), false);
  assert.deepEqual(
    hass.asked.map((at) => new Date(at).getUTCMinutes()),
    [10, 2, 2, 2],
  );
});

test("a page of which all is known asks for nothing more", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: TEN_PAST });
  const hass = server(all);
  await withStatistics(hass, [one]);
  await pass(mock.timers, 300);
  assert.equal(hass.asked.length, 1);
});
