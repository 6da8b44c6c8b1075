import assert from "node:assert/strict";
import test from "node:test";

import {
  daysBetween,
  monthsBetween,
  running,
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

test("the day, week and month that run are found from earlier ones, however long a page was open", () => {
  const now = at("2026-11-26T10:00+01:00");
  const found = (since, window) => Object.values(running(at(since), window, now, "Europe/Berlin")).map(Number);
  const today = [at("2026-11-26T00:00+01:00"), at("2026-11-27T00:00+01:00")];
  assert.deepEqual(found("2026-10-24T00:00+02:00", "day"), today);
  assert.deepEqual(found("2026-11-26T00:00+01:00", "day"), today);
  assert.deepEqual(found("2026-10-12T00:00+02:00", "week"), [
    at("2026-11-23T00:00+01:00"),
    at("2026-11-30T00:00+01:00"),
  ]);
  assert.deepEqual(found("2026-08-01T00:00+02:00", "month"), [
    at("2026-11-01T00:00+01:00"),
    at("2026-12-01T00:00+01:00"),
  ]);
});

test("a day after one whose midnight was skipped begins at midnight", () => {
  const { start } = running(at("2026-09-06T01:00-03:00"), "day", at("2026-09-07T15:00-03:00"), "America/Santiago");
  assert.equal(start.getTime(), at("2026-09-07T00:00-03:00"));
});
