/** Pages that are made of invented proxies, for tests that look at their cards. */

import { translator } from "../../custom_components/litellm_pulse/frontend/translations.js";
import { dashboard } from "../../custom_components/litellm_pulse/frontend/views.js";

export const SPENT = {
  spend_day: "sensor.day",
  spend_week: "sensor.week",
  spend_month: "sensor.month",
  spend_forecast: "sensor.forecast",
};

export function member(id, statistics, more = {}) {
  return {
    id,
    name: id,
    device_id: id,
    spend: 1,
    entities: {},
    statistics,
    limits: {},
    budget: null,
    health: null,
    ...more,
  };
}

export function proxy(id, more = {}) {
  const models = [member("gpt", `litellm_pulse:${id}_model_ab`), member("free", `litellm_pulse:${id}_model_cd`)];
  return {
    ...member(id, `litellm_pulse:${id}_total`, { entities: SPENT }),
    loaded: true,
    connected: true,
    error: null,
    last_scrape: "2026-11-25T12:00:00+00:00",
    last_restart: null,
    unpriced_requests_day: 0,
    time_zone: "Europe/Berlin",
    window_starts: {
      day: "2026-11-25T00:00:00+01:00",
      week: "2026-11-23T00:00:00+01:00",
      month: "2026-11-01T00:00:00+01:00",
    },
    dimensions: [
      { dimension: "model", members: models },
      { dimension: "team", members: [member("Home", `litellm_pulse:${id}_team_ef`)] },
    ],
    ...more,
  };
}

export function made(proxies, more = {}) {
  const known = new Set(
    proxies.flatMap((one) => [one, ...one.dimensions.flatMap(({ members }) => members)]).map((one) => one.statistics),
  );
  const language = { t: translator("en"), moment: (value) => `at ${value}`, count: (value) => `#${value}` };
  const shared = { admin: true, energy: true, state: String, color: (index) => `#${index}` };
  return dashboard({ proxies, known, ...shared, ...language, ...more }).views;
}

/** Return all cards of a view. */
export function cards(view) {
  return view.sections.flatMap((section) => section.cards);
}

export function ofType(view, type) {
  return cards(view).filter((card) => card.type === type);
}
