import assert from "node:assert/strict";
import test from "node:test";

import en from "../../custom_components/litellm_pulse/frontend/en.js";
import { LANGUAGES, loadLanguage, translator } from "../../custom_components/litellm_pulse/frontend/translations.js";

for (const language of LANGUAGES) {
  test(`everything is said in ${language}, with the same blanks to fill in`, async () => {
    const { default: texts } = await import(`../../custom_components/litellm_pulse/frontend/${language}.js`);
    assert.deepEqual(Object.keys(texts).toSorted(), Object.keys(en).toSorted());
    for (const [key, text] of Object.entries(texts)) {
      assert.deepEqual(text.match(/\{\w+\}/gu), en[key].match(/\{\w+\}/gu), key);
    }
  });
}

test("a regional language is that language, one that is not there is English", async () => {
  await loadLanguage("de-CH");
  assert.equal(translator("de-CH")("today"), "Heute");
  await loadLanguage("he");
  assert.equal(translator("he")("today"), "Today");
});

test("blanks are filled in as text", () => {
  assert.equal(translator("en")("show_all", { count: "$&" }), "Show all $&");
});
