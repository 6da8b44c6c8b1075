/** What no built-in card shows: figures of the picked period, and a table of who used how much. */

import { change, FIGURES, nothing, usageOf } from "./usage.js";
import { dates, formats } from "./format.js";
import { followPicker, pickedPeriod, zoneOf } from "./period.js";
import { capital, languageOf, translator } from "./translations.js";
import { styles } from "./styles.js";

const MINUTE = 60000;
const MOST_ROWS = 10;

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

/** A card that shows usage in the picked period, beside that of the period before. */
class UsageCard extends HTMLElement {
  setConfig(config) {
    this._config = config;
    this._load();
  }

  set hass(hass) {
    const first = !this._hass;
    this._hass = hass;
    if (first && this.isConnected) {
      this.connectedCallback();
    }
  }

  connectedCallback() {
    if (this._hass && !this._unfollow) {
      this._unfollow = followPicker(this._hass, (picked) => {
        this._picked = picked;
        this._load();
      });
      this._timer = setInterval(() => this._refresh(), MINUTE);
    }
  }

  disconnectedCallback() {
    this._unfollow?.();
    this._unfollow = undefined;
    clearInterval(this._timer);
  }

  getCardSize() {
    return 6;
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6 };
  }

  /** Load again where time goes on in what is shown, and somebody looks. */
  _refresh() {
    if (!document.hidden && this._period?.end > Date.now()) {
      this._load();
    }
  }

  async _load() {
    if (!this._hass || !this._picked || !this._config) {
      return;
    }
    const hass = this._hass;
    const period = pickedPeriod(this._picked, Date.now(), zoneOf(hass));
    this._period = period;
    try {
      const [now, before] = await Promise.all([
        usageOf(hass, this._config, period),
        // Of a time before the ledger nothing is known: that is no reason to show nothing of this.
        usageOf(hass, this._config, period.before).catch(() => ({ rows: [], total: nothing() })),
      ]);
      if (this._period === period) {
        this._data = { now, before };
        this._draw();
      }
    } catch (error) {
      this._show(element("div", { class: "hint", role: "alert" }, error.message ?? String(error)));
    }
  }

  _draw() {
    this._t = translator(languageOf(this._hass));
    this._format = formats(this._hass);
    this._show(...this.content(this._data.now, this._data.before));
  }

  _show(...content) {
    if (!this.shadowRoot) {
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styles()];
      this._card = element("ha-card");
      this.shadowRoot.append(this._card);
    }
    this._card.replaceChildren(...content);
  }

  /** Return a figure as it is written. */
  written(name, sum) {
    return this._format[FIGURES[name].as](FIGURES[name].of(sum));
  }

  /** Return how a figure has changed, as an element. */
  changed(name, sum, before, tag = "span") {
    const { of, rising } = FIGURES[name];
    const by = change(of(sum), before && of(before));
    if (by === undefined) {
      const isNew = of(sum) && this._data.before.total.requests;
      return element(tag, { class: "change" }, isNew ? this._t("new") : "–");
    }
    const up = by > 0.0005;
    const same = !up && by > -0.0005;
    const kind = same || !rising ? "" : up === (rising === "bad") ? "bad" : "good";
    const text = same ? "=" : `${up ? "▲" : "▼"} ${this._format.change(by)}`;
    const title = `${this._t("before")} (${this.comparedWith()}): ${this.written(name, before)}`;
    return element(tag, { class: `change ${kind}`, title }, text);
  }

  /** Return the period that is compared with, as dates. */
  comparedWith() {
    return dates(this._hass, this._period.before, zoneOf(this._hass));
  }
}

/** Some figures of the picked period, each with its change. */
export class SummaryCard extends UsageCard {
  content(now, before) {
    const figures = this._config.figures.map((name) =>
      element(
        "div",
        { class: "figure", "data-figure": name },
        element("span", { class: "label" }, capital(this._t(name))),
        element("span", { class: "value" }, this.written(name, now.total)),
        this.changed(name, now.total, before.total),
      ),
    );
    return [
      element("div", { class: "figures" }, ...figures),
      element("div", { class: "foot" }, `${this._t("compared_with")} ${this.comparedWith()}`),
    ];
  }
}

/** The members of a dimension (or the proxies), the dearest first, each with figures, share and change. */
export class TableCard extends UsageCard {
  content(now, before) {
    const used = now.rows.filter((row) => row.sum.requests || row.sum.tokens || row.sum.cost);
    if (!used.length) {
      return [element("div", { class: "hint" }, this._t("nothing_used"))];
    }
    used.sort((a, b) => b.sum.cost - a.sum.cost || b.sum.tokens - a.sum.tokens || (a.id === null) - (b.id === null));
    const earlier = new Map(before.rows.map((row) => [row.id, row.sum]));
    const shown = this._all ? used : used.slice(0, MOST_ROWS);
    const table = element(
      "table",
      {},
      element("thead", {}, this._head()),
      element("tbody", {}, ...shown.map((row) => this._row(row, earlier.get(row.id), now.total))),
      element("tfoot", {}, this._total(now.total, before.total)),
    );
    return [table, ...(shown.length < used.length ? [this._more(used.length)] : [])];
  }

  _head() {
    const columns = this._config.columns.map((name) => element("th", { scope: "col" }, capital(this._t(name))));
    const kind = capital(this._t(this._config.dimension ?? "proxy"));
    return element("tr", {}, element("th", { scope: "col" }, kind), ...columns);
  }

  _row({ id, name, sum }, before, total) {
    const member = this._config.members?.[id ?? ""];
    const color = member?.color ?? "var(--primary-color)";
    const text = id === null ? this._t("without") : (name ?? id);
    const label = member?.path
      ? element("a", { href: `/${this._hass.panelUrl}/${member.path}`, title: text }, text)
      : element("span", { title: text }, text);
    label.addEventListener("click", (event) => this._open(event));
    const dot = element("i", { class: "dot", style: `background:${color}` });
    const share = total.cost ? Math.max(0, sum.cost / total.cost) : 0;
    const cells = this._config.columns.map((column) => this._cell(column, sum, before, share));
    return element(
      "tr",
      { "data-id": id ?? "", style: `--share:${(share * 100).toFixed(2)}%;--bar:${color}` },
      element("th", { scope: "row", class: id === null ? "nobody" : undefined }, dot, label),
      ...cells,
    );
  }

  _cell(column, sum, before, share) {
    if (column === "share") {
      return element("td", { class: "share" }, this._format.percent(share));
    }
    if (column === "change") {
      return this.changed("spend", sum, before, "td");
    }
    return element("td", { "data-figure": column }, this.written(column, sum));
  }

  _total(total, before) {
    const cells = this._config.columns.map((column) => this._cell(column, total, before, total.cost ? 1 : 0));
    return element("tr", {}, element("th", { scope: "row" }, this._t("total")), ...cells);
  }

  _more(count) {
    const button = element("button", { type: "button" }, this._t("show_all", { count }));
    button.addEventListener("click", () => {
      this._all = true;
      this._draw();
    });
    return button;
  }

  /** Open a member's page as a link of the frontend's own: without loading everything anew. */
  _open(event) {
    const href = event.currentTarget.getAttribute("href");
    if (!href || event.button || event.metaKey || event.ctrlKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    history.pushState(null, "", href);
    window.dispatchEvent(new CustomEvent("location-changed", { detail: { replace: false } }));
  }
}
