/** How our own cards look: only what Home Assistant's theme says. */

let sheet;

/** Return the style sheet that all cards share. */
export function styles() {
  sheet ??= new CSSStyleSheet();
  sheet.replaceSync(CSS);
  return sheet;
}

const CSS = `
:host { display: block; container-type: inline-size; color: var(--primary-text-color); }
ha-card { height: 100%; overflow: hidden; font-size: var(--ha-font-size-m, 14px); }
table { width: 100%; border-collapse: collapse; table-layout: auto; font-variant-numeric: tabular-nums; }
th, td { padding: 10px 8px; text-align: end; white-space: nowrap; font-weight: var(--ha-font-weight-normal, 400); }
th:first-child { text-align: start; padding-inline-start: 16px; width: 100%; max-width: 0; }
th:last-child, td:last-child { padding-inline-end: 16px; }
tbody th :is(a, span) {
  display: -webkit-inline-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden;
  max-width: calc(100% - 20px); white-space: normal; overflow-wrap: anywhere; vertical-align: middle;
}
thead th { padding-top: 14px; color: var(--secondary-text-color); font-size: var(--ha-font-size-s, 12px); }
thead th { white-space: normal; vertical-align: bottom; }
tbody tr {
  --tint: color-mix(in srgb, var(--bar) 18%, transparent);
  border-top: 1px solid var(--divider-color);
  background: linear-gradient(var(--tint), var(--tint)) 0 0 / var(--share) 100% no-repeat;
}
tbody tr:dir(rtl) { background-position-x: 100%; }
tfoot tr { border-top: 1px solid var(--divider-color); }
tfoot th, tfoot td { font-weight: var(--ha-font-weight-medium, 500); padding-bottom: 14px; }
tfoot .change { font-weight: var(--ha-font-weight-normal, 400); }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-inline-end: 10px; }
.nobody { color: var(--secondary-text-color); font-style: italic; }
a { color: inherit; text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
.share, .change { color: var(--secondary-text-color); }
.figure .change.bad { color: var(--error-color); }
.figure .change.good { color: var(--success-color); }
button {
  width: 100%; padding: 12px; border: 0; border-top: 1px solid var(--divider-color); background: none;
  color: var(--primary-color); font: inherit; cursor: pointer;
}
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 16px; padding: 16px; }
.figure { display: grid; gap: 2px; align-content: start; }
.figure .label, .foot { color: var(--secondary-text-color); font-size: var(--ha-font-size-s, 12px); }
.figure .value { font-size: var(--ha-font-size-xl, 20px); font-variant-numeric: tabular-nums; }
.figure .change { font-size: var(--ha-font-size-s, 12px); }
.now { display: flex; align-items: center; gap: 10px; min-height: 54px; padding: 0 10px; }
.now ha-icon { padding: 6px; color: var(--primary-color); }
.now span { display: block; line-height: 18px; }
.now .name { font-weight: var(--ha-font-weight-medium, 500); }
.now .value { font-size: var(--ha-font-size-s, 12px); }
.foot { padding: 0 16px 14px; }
.hint { padding: 24px 16px; color: var(--secondary-text-color); text-align: center; }
@container (min-width: 600px) {
  thead th { white-space: nowrap; }
}
@container (max-width: 420px) {
  th, td { padding-inline: 5px; }
  .dot { margin-inline-end: 6px; }
  .wide, .wide :is(thead, tbody, tfoot, tr) { display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; }
  .wide { grid-template-columns: 1fr repeat(4, auto); }
  .wide th:first-child { width: auto; max-width: none; }
  .wide thead th { align-self: end; }
  .wide tbody th { grid-column: 1 / -1; padding-bottom: 0; }
  .wide tbody th + td { grid-column: 2; }
}
@container (max-width: 360px) {
  table, thead th { font-size: var(--ha-font-size-xs, 10px); }
  th, td { padding-inline: 3px; }
  :is(th, td):first-child { padding-inline-start: 8px; }
  :is(th, td):last-child { padding-inline-end: 8px; }
}
`;
