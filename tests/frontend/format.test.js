import assert from "node:assert/strict";
import test from "node:test";

import { dates, formats, moments } from "../../custom_components/litellm_pulse/frontend/format.js";

/** Return a text with plain spaces: languages differ in which they use. */
const plain = (text) => text.replaceAll(/\s/gu, " ");

const english = formats({ locale: { language: "en", number_format: "language" } });

test("money below a cent keeps its figures", () => {
  assert.equal(english.money(0.00123), "$0.0012");
  assert.equal(english.money(0.5), "$0.50");
  assert.equal(english.money(0), "$0.00");
  assert.equal(english.money(12.345), "$12.35");
  assert.equal(english.money(0.996), "$1.00");
});

test("a large amount has no cents", () => {
  assert.equal(english.money(99999.9), "$99,999.90");
  assert.equal(english.money(12345678.9), "$12,345,679");
});

test("numbers are written as the user has chosen", () => {
  const german = formats({ locale: { language: "de", number_format: "language" } });
  assert.equal(plain(german.money(1234.5)), "1.234,50 $");
  assert.equal(formats({ locale: { language: "de", number_format: "comma_decimal" } }).count(12345), "12,345");
  assert.equal(formats({ locale: { language: "en", number_format: "none" } }).count(12345), "12345");
});

test("money is written as Home Assistant's tiles and our server's sentences write it", () => {
  // The same amounts as in tests/test_languages.py.
  const written = { en: "$1,234.50", de: "1.234,50 $", es: "1234,50 US$", fr: "1 234,50 $US", nl: "US$ 1.234,50" };
  for (const [language, text] of Object.entries(written)) {
    assert.equal(plain(formats({ locale: { language, number_format: "language" } }).money(1234.5)), text);
  }
});

test("large counts are shortened, shares and changes have one decimal at most", () => {
  assert.equal(english.count(99999), "99,999");
  assert.equal(english.count(1234567), "1.235M");
  assert.equal(english.percent(0.1234), "12.3%");
  assert.equal(english.change(-0.051), "5.1%");
  assert.equal(english.change(1.514), "151%");
  assert.equal(english.points(-0.0163), "1.6");
});

test("what is not known is a dash", () => {
  assert.equal(english.money(undefined), "–");
});

test("a period is told by its dates, its end not included", () => {
  const hass = { locale: { language: "en" } };
  const period = { start: Date.parse("2026-10-01T00:00Z"), end: Date.parse("2026-10-08T00:00Z") };
  const now = Date.parse("2026-11-26T12:00Z");
  assert.equal(plain(dates(hass, period, "UTC", now)), "Oct 1 – 7");
  assert.equal(dates(hass, { ...period, end: Date.parse("2026-10-01T17:15Z") }, "UTC", now), "Oct 1");
});

test("a period of another year says so", () => {
  const hass = { locale: { language: "en" } };
  const now = Date.parse("2026-11-26T12:00Z");
  const before = { start: Date.parse("2025-01-01T00:00Z"), end: Date.parse("2025-11-26T00:00Z") };
  assert.equal(plain(dates(hass, before, "UTC", now)), "Jan 1 – Nov 25, 2025");
  const newYear = { start: Date.parse("2025-12-31T00:00Z"), end: Date.parse("2026-01-02T00:00Z") };
  assert.equal(plain(dates(hass, newYear, "UTC", now)), "Dec 31, 2025 – Jan 1, 2026");
});

const afternoon = (locale, year = new Date().getFullYear()) =>
  plain(moments({ locale }, "Europe/Berlin")(`${year}-11-25T14:05:00+00:00`));

test("a time is written in the user's language, zone and clock", () => {
  assert.equal(afternoon({ language: "en", time_format: "language" }), "Nov 25, 3:05 PM");
  assert.equal(afternoon({ language: "en", time_format: "24" }), "Nov 25, 15:05");
  assert.equal(afternoon({ language: "de", time_format: "language" }), "25. Nov., 15:05");
});

test("a time of another year says so", () => {
  assert.equal(afternoon({ language: "en", time_format: "language" }, 2020), "Nov 25, 2020, 3:05 PM");
});
