import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { followPicker, pickedPeriod, zoneOf } from "../../custom_components/litellm_pulse/frontend/period.js";

const ZONE = "Europe/Berlin";
const date = (text) => new Date(text);
const dates = ({ start, end }) => [start, end].map((one) => new Date(one).toISOString());

test("a day that is over is compared with the whole day before", () => {
  const picked = { start: date("2026-11-24T00:00+01:00"), end: date("2026-11-24T23:59:59.999+01:00") };
  const period = pickedPeriod(picked, Date.parse("2026-11-25T12:00+01:00"), ZONE);
  assert.deepEqual(dates(period), ["2026-11-23T23:00:00.000Z", "2026-11-24T23:00:00.000Z"]);
  assert.deepEqual(dates(period.before), ["2026-11-22T23:00:00.000Z", "2026-11-23T23:00:00.000Z"]);
});

test("a day that still runs is compared with yesterday until now, by quarter-hours", () => {
  const picked = { start: date("2026-11-25T00:00+01:00"), end: date("2026-11-25T23:59:59.999+01:00") };
  const period = pickedPeriod(picked, Date.parse("2026-11-25T17:20+01:00"), ZONE);
  assert.deepEqual(dates(period.before), ["2026-11-23T23:00:00.000Z", "2026-11-24T16:15:00.000Z"]);
});

test("a month is compared with the month before, however long that was", () => {
  const picked = { start: date("2026-03-01T00:00+01:00"), end: date("2026-03-31T23:59:59.999+02:00") };
  const period = pickedPeriod(picked, Date.parse("2026-05-01T00:00Z"), ZONE);
  assert.deepEqual(dates(period.before), ["2026-01-31T23:00:00.000Z", "2026-02-28T23:00:00.000Z"]);
});

test("the thirtieth of a month is not compared with days after the month before it ended", () => {
  const picked = { start: date("2026-03-01T00:00+01:00"), end: date("2026-03-31T23:59:59.999+02:00") };
  const period = pickedPeriod(picked, Date.parse("2026-03-30T12:00+02:00"), ZONE);
  assert.deepEqual(dates(period.before), ["2026-01-31T23:00:00.000Z", "2026-02-28T23:00:00.000Z"]);
});

test("what the picker compares with is compared with, as far as the picked period has come", () => {
  const picked = {
    start: date("2026-11-01T00:00+01:00"),
    end: date("2026-11-30T23:59:59.999+01:00"),
    startCompare: date("2025-11-01T00:00+01:00"),
    endCompare: date("2025-11-30T23:59:59.999+01:00"),
  };
  const period = pickedPeriod(picked, Date.parse("2026-11-11T12:00+01:00"), ZONE);
  // A year ago only whole days are known.
  assert.deepEqual(dates(period.before), ["2025-10-31T23:00:00.000Z", "2025-11-10T23:00:00.000Z"]);
});

test("times are those of the zone that Home Assistant shows", () => {
  const config = { time_zone: "Asia/Kolkata" };
  assert.equal(zoneOf({ locale: { time_zone: "server" }, config }), "Asia/Kolkata");
  assert.equal(zoneOf({ locale: { time_zone: "local" }, config }), Intl.DateTimeFormat().resolvedOptions().timeZone);
});

test("the picker is followed once it is there, and compares where no energy is set up", async () => {
  const seen = [];
  const hass = { connection: {} };
  let refreshed = 0;
  let ended = false;
  const stop = followPicker(hass, (data) => seen.push(data));
  const collection = {
    compare: "previous",
    refresh: () => {
      refreshed += 1;
    },
    subscribe: (callback) => {
      callback({ start: 1 });
      return () => {
        ended = true;
      };
    },
  };
  hass.connection["_energy_litellm_pulse"] = collection;
  await sleep(200);
  assert.deepEqual(seen, [{ start: 1 }]);
  assert.equal(refreshed, 1);
  assert.deepEqual(collection.prefs.energy_sources, []);
  stop();
  assert.ok(ended);
});
