/** The period that is picked on the page, and the one that it is compared with. */

import { daysBetween, monthsBetween, shifted, startOfDay } from "./zones.js";

/** The key of the date picker: its own, so that it moves nothing on the Energy page, and the other way round. */
export const COLLECTION_KEY = "energy_litellm_pulse";

const NO_ENERGY = { energy_sources: [], device_consumption: [], device_consumption_water: [] };
const QUARTER = 900000;
/** Usage is known to the quarter-hour for some ninety days, and by whole days for good. */
const RECENT = 80 * 86400000;
const RETRY = 50;

/** Return the time zone that Home Assistant shows times in. */
export function zoneOf(hass) {
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return hass.locale?.time_zone === "local" && local ? local : hass.config.time_zone;
}

/**
 * Return what is picked, in milliseconds: `start`, `end`, and `before`, which it is compared with.
 *
 * `before` is the period just before, or the one that the picker's comparison names. A period
 * that still runs is compared with the same part of the other: half a month with half a month.
 */
export function pickedPeriod({ start, end, startCompare, endCompare }, now, zone) {
  const from = start.getTime();
  const to = exclusive(end ?? new Date(now));
  const months = monthsBetween(from, to, zone);
  const shift = months ? { months: -months } : { days: -Math.max(1, daysBetween(from, to, zone)) };
  const before = startCompare?.getTime() ?? shifted(from, zone, shift);
  const whole = startCompare ? exclusive(endCompare ?? start) : Math.min(shifted(to, zone, shift), from);
  return { start: from, end: to, before: { start: before, end: Math.min(whole, sameMoment()) } };

  function sameMoment() {
    if (now >= to) {
      return whole;
    }
    const moment = before + Math.max(0, now - from);
    return now - before > RECENT ? startOfDay(moment, zone) : moment - (moment % QUARTER);
  }
}

/**
 * Call back with what the date picker says, now and whenever it changes; return what ends that.
 *
 * The picker makes its collection when it is first shown, which may be after this.
 */
export function followPicker(hass, callback) {
  let unsubscribe;
  let timer;
  const attach = () => {
    const collection = hass.connection[`_${COLLECTION_KEY}`];
    if (!collection) {
      timer = setTimeout(attach, RETRY);
      return;
    }
    unsubscribe = collection.subscribe((data) => {
      // Without this the house's energy is fetched for every period, or, where none is set up, nothing is compared.
      if (collection.prefs !== NO_ENERGY) {
        collection.prefs = NO_ENERGY;
        if (collection.compare && !data.startCompare) {
          collection.refresh();
        }
      }
      callback(data);
    });
  };
  attach();
  return () => {
    clearTimeout(timer);
    unsubscribe?.();
  };
}

/** Return the instant after a period that ends at 23:59:59.999. */
function exclusive(end) {
  const instant = end.getTime();
  return instant % 1000 === 999 ? instant + 1 : instant;
}
