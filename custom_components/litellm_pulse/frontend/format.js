/** Numbers as the user writes them. */

const LOCALES = {
  comma_decimal: ["en-US", "en"],
  decimal_comma: ["de", "es", "it"],
  space_comma: ["fr", "sv", "cs"],
  quote_decimal: ["de-CH"],
  system: undefined,
  none: ["en"],
};
/** Large counts are shortened, large amounts have no cents. */
const LARGE = 100000;
const DAY = 86400000;

/** Return functions that write money (US dollars), counts, shares, changes and percentage points for a user. */
export function formats(hass) {
  const style = hass.locale?.number_format ?? "language";
  const language = hass.locale?.language ?? hass.language ?? "en";
  const locale = style in LOCALES ? LOCALES[style] : language;
  const write = (options) => (value) =>
    value === undefined
      ? "–"
      : new Intl.NumberFormat(locale, { useGrouping: style === "none" ? false : "auto", ...options }).format(value);
  return {
    money: (value) => write(money(value))(value),
    count: (value) => write(value >= LARGE ? compact : { maximumFractionDigits: 0 })(value),
    percent: write({ style: "percent", maximumFractionDigits: 1 }),
    change: (value) =>
      write({ style: "percent", maximumFractionDigits: Math.abs(value) < 0.1 ? 1 : 0 })(Math.abs(value)),
    points: (value) => write({ maximumFractionDigits: 1 })(Math.abs(value * 100)),
  };
}

const compact = { notation: "compact", maximumSignificantDigits: 4 };

/** Return how an amount is written: the dollar as Home Assistant's own cards call it; a tenth of a cent is not $0.00. */
function money(value) {
  const dollars = { style: "currency", currency: "USD" };
  const small = Math.abs(value) < 0.995 && value !== 0;
  const decimals = Math.abs(value) >= LARGE ? 0 : 2;
  return small
    ? { ...dollars, minimumSignificantDigits: 2, maximumSignificantDigits: 2 }
    : { ...dollars, minimumFractionDigits: decimals, maximumFractionDigits: decimals };
}

/** Return a span of time as dates, in the user's language; the year where it is another one than `now` is in. */
export function dates(hass, { start, end }, zone, now = Date.now()) {
  const language = hass.locale?.language ?? hass.language;
  const write = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
  const year = { year: "numeric" };
  const other = write(year).format(start) === write(year).format(now) ? {} : year;
  const format = write({ day: "numeric", month: "short", ...other });
  return end - start <= DAY ? format.format(start) : format.formatRange(start, end - 1);
}

/** Return a function that writes an ISO time as the user reads dates and clocks; the year where it is another one. */
export function moments(hass, zone) {
  const { language = hass.language, time_format: clock } = hass.locale ?? {};
  const style = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  const write = (moment, more) => new Intl.DateTimeFormat(language, { timeZone: zone, ...more }).format(moment);
  return (value) => {
    const moment = new Date(value);
    const year = { year: "numeric" };
    const other = write(moment, year) === write(Date.now(), year) ? {} : year;
    return write(moment, { ...style, hour12: { 12: true, 24: false }[clock], ...other });
  };
}
