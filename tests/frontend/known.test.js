import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { allStatistics, withStatistics } from "../../custom_components/litellm_pulse/frontend/known.js";
import { made, member, ofType, proxy } from "./pages.js";

globalThis.HTMLElement = EventTarget;
const { LaterCard } = await import("../../custom_components/litellm_pulse/frontend/later-card.js");

const MINUTE = 60_000;
const TEN_PAST = Date.UTC(2026, 10, 26, 14, 10);
const PROXY = "litellm_pulse:a_total";
const MODEL = "litellm_pulse:a_model_ab";

function server(known) {
  const asked = [];
  const callWS = ({ statistic_ids: wanted }) => {
    asked.push(new Date().getUTCMinutes());
    return Promise.resolve(wanted.filter((id) => known.includes(id)).map((id) => ({ statistic_id: id })));
  };
  return { callWS, asked, known };
}

/** Return a card that is on an open page, with how often it had that page made anew. */
function opened({ timers }, hass) {
  timers.enable({ apis: ["setTimeout", "Date"], now: TEN_PAST });
  const card = Object.assign(new LaterCard(), { hass, isConnected: true, refreshed: 0 });
  card.addEventListener("config-refresh", () => {
    card.refreshed += 1;
  });
  card.setConfig({ lacking: [MODEL] });
  card.connectedCallback();
  return card;
}

async function pass(timers, minutes) {
  timers.tick(MINUTE);
  // Answers come in turns of their own.
  await turn();
  return minutes > 1 ? pass(timers, minutes - 1) : undefined;
}

const one = proxy("a", { dimensions: [{ dimension: "model", members: [member("gpt", MODEL)] }] });

test("of all that may have statistics it is known what has", async () => {
  assert.deepEqual(await withStatistics(server([`${PROXY}_spend`]), allStatistics([one])), new Set([PROXY]));
  assert.deepEqual(await withStatistics(server([]), allStatistics([])), new Set());
});

test("a page waits for those that it lacks, and for none where it lacks none", () => {
  const waiting = [[PROXY], [PROXY, MODEL]].map((known) =>
    made([one], { known: new Set(known) }).map((view) => ofType(view, "custom:litellm-pulse-later")),
  );
  const [overview, models, health, member_] = waiting[0];
  for (const [{ lacking }] of [overview, models, member_]) {
    assert.deepEqual(lacking, [MODEL]);
  }
  assert.deepEqual([...health, ...waiting[1].flat()], []);
});

test("a page that stays open is made anew when the statistics are there that it lacked", async ({ mock }) => {
  const hass = server([]);
  const card = opened(mock, hass);
  assert.equal(card.hidden, true);
  await pass(mock.timers, 50);
  assert.equal(card.refreshed, 0);
  hass.known.push(`${MODEL}_spend`);
  await pass(mock.timers, 3);
  assert.equal(card.refreshed, 1);
});

test("what never has statistics is asked for after each quarter-hour, and makes no page anew", async ({ mock }) => {
  const hass = server([`${PROXY}_spend`]);
  const card = opened(mock, hass);
  await pass(mock.timers, 60);
  assert.equal(card.refreshed, 0);
  assert.deepEqual(hass.asked, [17, 32, 47, 2]);
});

test("a page that was left asks for nothing more", async ({ mock }) => {
  const hass = server([]);
  const card = opened(mock, hass);
  card.isConnected = false;
  card.disconnectedCallback();
  await pass(mock.timers, 60);
  assert.deepEqual(hass.asked, []);
});
