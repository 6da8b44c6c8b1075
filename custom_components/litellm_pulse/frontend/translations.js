/** What the dashboard says, in the user's language; names of members are data and never translated. */

import en from "./en.js";

/** The languages that there are beside English; each is fetched by those only who use it. */
export const LANGUAGES = ["de", "es", "fr", "nl"];

const loaded = new Map([["en", en]]);

/** Fetch the texts of a language, such as `de` or `de-CH`; English where there are none. */
export async function loadLanguage(tag) {
  const language = short(tag);
  if (LANGUAGES.includes(language) && !loaded.has(language)) {
    const { default: texts } = await import(`./${language}.js`);
    loaded.set(language, texts);
  }
}

/** Return a function that gives the text of a key in a language that was fetched, with `{name}` filled in. */
export function translator(tag) {
  const texts = loaded.get(short(tag)) ?? en;
  return (key, values = {}) =>
    (texts[key] ?? en[key] ?? key).replaceAll(/\{(\w+)\}/gu, (whole, name) => String(values[name] ?? whole));
}

/** Return the language that a user has chosen. */
export function languageOf(hass) {
  return hass.locale?.language ?? hass.language ?? "en";
}

/** Return a text that begins a line. */
export function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

function short(tag) {
  return tag.split("-")[0];
}
