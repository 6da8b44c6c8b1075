/** What no built-in card shows: figures of a period, and a table of who used how much. */

import { capital } from "./translations.js";
import { element, UsageCard } from "./usage-card.js";
import { running } from "./zones.js";

const MOST_ROWS = 10;

/** A figure of the running day, week or month, as a tile shows it where there is a sensor. */
export class NowCard extends UsageCard {
  span() {
    const { since, window, zone } = this.config;
    return running(Date.parse(since), window, Date.now(), zone);
  }

  getCardSize() {
    return 1;
  }

  content(now) {
    const { icon, name, figure } = this.config;
    const value = element("span", { class: "value", "data-figure": figure }, this.written(figure, now.total));
    const texts = element("div", {}, element("span", { class: "name" }, name), value);
    return [element("div", { class: "now" }, element("ha-icon", { icon }), texts)];
  }
}

/** Some figures of the picked period, each with its change. */
export class SummaryCard extends UsageCard {
  content(now, before) {
    const figures = this.config.figures.map((name) =>
      element(
        "div",
        { class: "figure", "data-figure": name },
        element("span", { class: "label" }, capital(this.t(name))),
        element("span", { class: "value" }, this.written(name, now.total)),
        this.changed(name, now.total, before.total),
      ),
    );
    // Where there are no texts in a language that is written from the right, the sentence is English.
    const compared = this.isAhead()
      ? element("bdi", {}, this.t("not_begun"))
      : element("bdi", {}, `${this.t("compared_with")} `, element("bdi", {}, this.comparedWith()));
    const foot = before.unknown && !this.isAhead() ? [] : [compared];
    return [element("div", { class: "figures" }, ...figures), element("div", { class: "foot" }, ...foot)];
  }
}

/** The members of a dimension (or the proxies), the dearest first, each with figures, share and change. */
export class TableCard extends UsageCard {
  #all = false;

  content(now, before) {
    const { unpriced } = this.config;
    const used = now.rows.filter(({ sum }) =>
      unpriced ? sum.tokens && !sum.cost : sum.requests || sum.tokens || sum.cost,
    );
    if (!used.length) {
      return [element("div", { class: "hint", dir: "auto" }, this.t(this.isAhead() ? "not_begun" : "nothing_used"))];
    }
    used.sort((a, b) => b.sum.cost - a.sum.cost || b.sum.tokens - a.sum.tokens || (a.id === null) - (b.id === null));
    const earlier = new Map(before.rows.map((row) => [row.id, row.sum]));
    const shown = this.#all ? used : used.slice(0, MOST_ROWS);
    const table = element(
      "table",
      { class: this.config.columns.length > 3 && "wide" },
      element("thead", {}, this.#head()),
      element("tbody", {}, ...shown.map((row) => this.#row(row, earlier.get(row.id), now.total))),
      unpriced ? undefined : element("tfoot", {}, this.#total(now.total, before.total)),
    );
    return [table, ...(shown.length < used.length ? [this.#more(used.length)] : [])];
  }

  #head() {
    const columns = this.config.columns.map((name) => element("th", { scope: "col" }, capital(this.t(name))));
    const kind = capital(this.t(this.config.dimension ?? "proxy"));
    return element("tr", {}, element("th", { scope: "col" }, kind), ...columns);
  }

  #row({ id, name, sum }, before, total) {
    const member = this.config.members?.[id ?? ""];
    const color = member?.color ?? "var(--primary-color)";
    const text = id === null ? this.t("without") : (member?.name ?? name ?? id);
    const label = member?.path
      ? element("a", { href: `/${this.hass.panelUrl}/${member.path}`, title: text, dir: "auto" }, text)
      : element("span", { title: text, dir: "auto" }, text);
    label.addEventListener("click", open);
    const dot = element("i", { class: "dot", style: `background:${color}` });
    const share = total.cost ? Math.max(0, sum.cost / total.cost) : 0;
    const cells = this.config.columns.map((column) => this.#cell(column, sum, before, share));
    return element(
      "tr",
      { "data-id": id ?? "", style: this.config.columns.includes("share") && `--share:${share * 100}%;--bar:${color}` },
      element("th", { scope: "row", class: id === null ? "nobody" : undefined }, dot, label),
      ...cells,
    );
  }

  #cell(column, sum, before, share) {
    if (column === "share") {
      return element("td", { class: "share" }, this.format.percent(share));
    }
    if (column === "change") {
      return this.changed("spend", sum, before, "td");
    }
    return element("td", { "data-figure": column }, this.written(column, sum));
  }

  #total(total, before) {
    const cells = this.config.columns.map((column) => this.#cell(column, total, before, total.cost ? 1 : 0));
    return element("tr", {}, element("th", { scope: "row" }, this.t("total")), ...cells);
  }

  #more(count) {
    const button = element("button", { type: "button" }, this.t("show_all", { count }));
    button.addEventListener("click", () => {
      this.#all = true;
      this.draw();
    });
    return button;
  }
}

/** Open a member's page as a link of the frontend's own: without loading everything anew. */
function open(event) {
  const href = event.currentTarget.getAttribute("href");
  if (!href || event.button || event.metaKey || event.ctrlKey || event.shiftKey) {
    return;
  }
  event.preventDefault();
  history.pushState(undefined, "", href);
  window.dispatchEvent(new CustomEvent("location-changed", { detail: { replace: false } }));
}
