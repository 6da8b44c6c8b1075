/** The dashboard strategy `custom:litellm-pulse` and its cards, as the frontend gets to know them. */

import { NowCard, SummaryCard, TableCard } from "./cards.js";
import { formats, moments } from "./format.js";
import { allStatistics, withStatistics } from "./known.js";
import { LaterCard } from "./later-card.js";
import { zoneOf } from "./period.js";
import { languageOf, loadLanguage, translator } from "./translations.js";
import { dashboard } from "./views.js";

const NAME = "LiteLLM Pulse";
const DOMAIN = "litellm_pulse";

/** Makes the dashboard from what Home Assistant tells of the proxies; nothing of it is stored. */
class LiteLLMPulseStrategy extends HTMLElement {
  static async generate(_config, hass) {
    const language = languageOf(hass);
    const [{ proxies }] = await Promise.all([hass.callWS({ type: `${DOMAIN}/dashboard` }), loadLanguage(language)]);
    return dashboard({
      proxies,
      known: await withStatistics(hass, allStatistics(proxies)),
      admin: hass.user?.is_admin ?? false,
      state: (entity) => hass.states[entity]?.state,
      energy: hass.config.components.includes("energy"),
      t: translator(language),
      color: graphColor,
      moment: moments(hass, zoneOf(hass)),
      count: formats(hass).count,
    });
  }

  /** Whether there are other entities than before: a new model, another team. */
  static shouldRegenerate(_config, before, after) {
    return before.entities !== after.entities && ours(before) !== ours(after);
  }

  static getCreateSuggestions() {
    return { title: NAME, icon: "mdi:cash-multiple" };
  }
}

function ours(hass) {
  return Object.values(hass.entities)
    .filter((entity) => entity.platform === DOMAIN)
    .map((entity) => entity.entity_id)
    .join();
}

/** Return the color that Home Assistant's graphs give to the line with this number. */
function graphColor(index) {
  const style = getComputedStyle(document.documentElement);
  const number = (index % 54) + 1;
  return (style.getPropertyValue(`--graph-color-${number}`) || style.getPropertyValue(`--color-${number}`)).trim();
}

function define() {
  const elements = {
    "ll-strategy-dashboard-litellm-pulse": LiteLLMPulseStrategy,
    "litellm-pulse-later": LaterCard,
    "litellm-pulse-now": NowCard,
    "litellm-pulse-summary": SummaryCard,
    "litellm-pulse-table": TableCard,
  };
  for (const [name, kind] of Object.entries(elements)) {
    if (!customElements.get(name)) {
      customElements.define(name, kind);
    }
  }
}

define();
// Until 2026.10 the frontend may replace the registry while it starts.
customElements.whenDefined("home-assistant").then(define);

offer(document.documentElement.lang || navigator.language);

/** Have the "Add dashboard" dialog offer the strategy. */
async function offer(language) {
  window.customStrategies ??= [];
  const entry = { type: "litellm-pulse", strategyType: "dashboard", name: NAME };
  window.customStrategies.push(entry);
  await loadLanguage(language);
  entry.description = translator(language)("description");
}
