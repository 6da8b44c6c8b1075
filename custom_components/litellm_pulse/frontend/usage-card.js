/** What our cards have in common: they follow the date picker, ask for usage, and write figures and changes. */

import { dates, formats } from "./format.js";
import { followPicker, pickedPeriod, zoneOf } from "./period.js";
import { styles } from "./styles.js";
import { languageOf, translator } from "./translations.js";
import { change, FIGURES, nothing, usageBefore, usageOf } from "./usage.js";
import { running, startOfDay } from "./zones.js";

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Less than this, as a share, is no change. */
const SAME = 0.0005;

/** Return an element with attributes and children; text is always text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** A card that shows usage in the picked period, beside that of the period before; `content` says how. */
export class UsageCard extends HTMLElement {
  #hass;
  #card;
  #data;
  #period;
  #picked;
  #timer;
  #unfollow;

  setConfig(config) {
    this.config = config;
    this.#load();
  }

  set hass(hass) {
    this.#hass = hass;
    if (this.isConnected) {
      this.connectedCallback();
    }
  }

  get hass() {
    return this.#hass;
  }

  connectedCallback() {
    if (this.#hass && this.config && !this.#unfollow) {
      this.#unfollow = this.span() ? () => undefined : this.#follow();
      this.#timer = setInterval(() => this.#refresh(), MINUTE);
      this.#load();
    }
  }

  disconnectedCallback() {
    this.#unfollow?.();
    this.#unfollow = undefined;
    clearInterval(this.#timer);
  }

  getCardSize() {
    return 6;
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6 };
  }

  /** Show what is known again, after the card itself has changed. */
  draw() {
    const language = languageOf(this.#hass);
    this.t = translator(language);
    this.format = formats(this.#hass);
    this.#show(...this.content(this.#data.now, this.#data.before));
  }

  /** Return a figure as it is written. */
  written(name, sum) {
    return this.format[FIGURES[name].as](FIGURES[name].of(sum));
  }

  /** Return an element that tells how a figure has changed. */
  changed(name, sum, before, tag = "span") {
    const { of, as, rising } = FIGURES[name];
    const by = change(name, sum, before);
    if (by === undefined) {
      const isNew = of(sum) && this.#data.before.total.requests;
      return element(tag, { class: "change" }, isNew ? this.t("new") : "–");
    }
    const title = `${this.t("before")} (${this.comparedWith()}): ${this.written(name, before)}`;
    if (Math.abs(by) < SAME) {
      return element(tag, { class: "change", title }, "=");
    }
    const kind = rising && (by > 0 ? rising : OPPOSITE[rising]);
    // Isolated, for there are no texts in languages that are written from the right.
    const written =
      as === "percent" ? `\u2068${this.format.points(by)} ${this.t("points")}\u2069` : this.format.change(by);
    return element(tag, { class: `change ${kind ?? ""}`, title }, `${by > 0 ? "▲" : "▼"} ${written}`);
  }

  /** Return whether the period has not begun: then nothing was used, and nothing is compared. */
  isAhead() {
    return this.#period.start > Date.now();
  }

  /** Return the period that is compared with, as dates. */
  comparedWith() {
    return dates(this.#hass, this.#period.before, zoneOf(this.#hass));
  }

  /** Return the span that the card is about, where it does not follow the picker: the last days. */
  span() {
    const { days } = this.config;
    if (!days) {
      return undefined;
    }
    const zone = zoneOf(this.#hass);
    const start = startOfDay(Date.now() - days * DAY, zone);
    return { start: new Date(start), end: running(start, "day", Date.now(), zone).end };
  }

  #follow() {
    return followPicker(this.#hass, (picked) => {
      this.#picked = picked;
      this.#load();
    });
  }

  /** Load again where time goes on in what is shown, and somebody looks. */
  #refresh() {
    if (!document.hidden && this.#period?.end > Date.now()) {
      this.#load();
    }
  }

  async #load() {
    const picked = this.#hass && this.config && (this.span() ?? this.#picked);
    if (!picked) {
      return;
    }
    const period = pickedPeriod(picked, Date.now(), zoneOf(this.#hass));
    this.#period = period;
    try {
      const [now, before] = await Promise.all([
        usageOf(this.#hass, this.config, period),
        // Of a time before the ledger nothing is known: that is no reason to show nothing of this.
        usageBefore(this.#hass, this.config, period.before).catch(() => ({ rows: [], total: nothing() })),
      ]);
      if (this.#period === period) {
        this.#data = { now, before };
        this.draw();
        this.dataset.start = new Date(period.start).toISOString();
      }
    } catch (error) {
      this.#show(element("div", { class: "hint", dir: "auto", role: "alert" }, error.message ?? String(error)));
    }
  }

  #show(...content) {
    if (!this.#card) {
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [styles()];
      this.#card = element("ha-card");
      root.append(this.#card);
    }
    this.#card.replaceChildren(...content);
  }
}

const OPPOSITE = { good: "bad", bad: "good" };
