/** A card that has the page made anew once there are statistics of what had none when it was made. */

import { withStatistics } from "./known.js";

/** An hour of a zone ends at a quarter-hour of any other. */
const QUARTER = 900_000;
/** What is used in an hour is written when it is over, which may take the server this long. */
const WRITTEN = 120_000;

/** Waits on a page that stays open, and shows nothing. */
export class LaterCard extends HTMLElement {
  connectedWhileHidden = true;
  #timer;

  setConfig({ lacking }) {
    this.lacking = lacking;
    this.hidden = true;
  }

  connectedCallback() {
    clearTimeout(this.#timer);
    const left = QUARTER - ((Date.now() - WRITTEN) % QUARTER);
    this.#timer = setTimeout(() => this.#look(), left);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  getCardSize() {
    return 0;
  }

  async #look() {
    const { size } = await withStatistics(this.hass, this.lacking);
    if (this.isConnected) {
      this.connectedCallback();
      if (size) {
        this.dispatchEvent(new CustomEvent("config-refresh", { bubbles: true, composed: true }));
      }
    }
  }
}
