import assert from "node:assert/strict";
import test from "node:test";

import {
  daysBetween,
  monthsBetween,
  shifted,
  startOfDay,
} from "../../custom_components/litellm_pulse/frontend/zones.js";

const at = (text) => Date.parse(text);

test("a day earlier is the same time on the clock, also where the clocks were set back between", () => {
  assert.equal(shifted(at("2026-10-26T00:00+01:00"), "Europe/Berlin", { days: -1 }), at("2026-10-25T00:00+02:00"));
});

test("half-hour zones have their own midnights", () => {
  assert.equal(startOfDay(at("2026-11-25T20:00Z"), "Asia/Kolkata"), at("2026-11-26T00:00+05:30"));
});

test("a midnight that a zone skips is when its day begins", () => {
  assert.equal(startOfDay(at("2026-09-06T15:00Z"), "America/Santiago"), at("2026-09-06T01:00-03:00"));
});

test("days and months are those of the zone's calendar", () => {
  const [start, end] = [at("2026-10-01T00:00+02:00"), at("2026-11-01T00:00+01:00")];
  assert.equal(daysBetween(start, end, "Europe/Berlin"), 31);
  assert.equal(monthsBetween(start, end, "Europe/Berlin"), 1);
  assert.equal(monthsBetween(start, end, "UTC"), undefined);
});
