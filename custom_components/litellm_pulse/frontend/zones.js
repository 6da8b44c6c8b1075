/** Calendar arithmetic in any time zone; a "wall" is what a clock there shows, as milliseconds of UTC. */

const DAY = 86400000;

/** Return what a clock in a zone shows at an instant (milliseconds). */
function wallOf(instant, zone) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
}

/** Return the instant at which a clock in a zone shows `wall`; of an hour that comes twice, the first; of one that is skipped, its end. */
function instantOf(wall, zone) {
  const guesses = [wall - DAY, wall + DAY].map((near) => wall - (wallOf(near, zone) - near));
  const right = guesses.filter((guess) => wallOf(guess, zone) === wall);
  return right.length ? Math.min(...right) : Math.max(...guesses);
}

/** Return the instant so many days and months later or earlier on a clock of the zone. */
export function shifted(instant, zone, { days = 0, months = 0 }) {
  const wall = new Date(wallOf(instant, zone));
  wall.setUTCMonth(wall.getUTCMonth() + months);
  wall.setUTCDate(wall.getUTCDate() + days);
  return instantOf(wall.getTime(), zone);
}

/** Return how many days there are between two instants on a calendar of the zone. */
export function daysBetween(start, end, zone) {
  return Math.round((wallOf(end, zone) - wallOf(start, zone)) / DAY);
}

/** Return how many months there are between two midnights that begin a month; undefined of any others. */
export function monthsBetween(start, end, zone) {
  const [first, last] = [start, end].map((instant) => new Date(wallOf(instant, zone)));
  if (first.getUTCDate() !== 1 || last.getUTCDate() !== 1) {
    return undefined;
  }
  return (last.getUTCFullYear() - first.getUTCFullYear()) * 12 + last.getUTCMonth() - first.getUTCMonth();
}

const STEPS = { day: { days: 1 }, week: { days: 7 }, month: { months: 1 } };

/** Return the day, week or month that runs now, from when one of them began: `{start, end}`, as dates. */
export function running(since, window, now, zone) {
  const after = (start) => startOfDay(shifted(start, zone, STEPS[window]), zone);
  let [start, end] = [since, after(since)];
  while (end <= now) {
    [start, end] = [end, after(end)];
  }
  return { start: new Date(start), end: new Date(end) };
}

/** Return when the day began that an instant is in. */
export function startOfDay(instant, zone) {
  const wall = wallOf(instant, zone);
  return instantOf(wall - (wall % DAY), zone);
}
