/** The look of a report: quiet, by day and by night, on screens of any width and on paper. */
export const style = `
:root, .on-paper {
  color-scheme: light;
  --paper: #ffffff; --raised: #f7f8f9; --ink: #1c2128; --muted: #68727f; --rule: #e3e6ea; --faint: #eff1f3;
  --accent: #3451b2; --training: #7f8a98; --best: #68727f;
  --neutral: #eceef0; --above: #f2a65a; --below: #79b2ea; --edge: #1c212826;
  --heat-low: #f1f2f6; --heat-high: #33308c; --alarm: #d92d20;
  --series-1: #68727f; --series-2: #3451b2; --series-3: #bd5418; --series-4: #13816a; --series-5: #a23b85; --series-6: #8a6d00;
}
@media screen and (prefers-color-scheme: dark) {
  :root:not(.on-paper) {
    color-scheme: dark;
    --paper: #14171c; --raised: #1b1f26; --ink: #e4e7eb; --muted: #98a2ae; --rule: #2b313a; --faint: #20252c;
    --accent: #93a9ff; --training: #737e8c; --best: #98a2ae;
    --neutral: #2a3038; --above: #99521a; --below: #2669ad; --edge: #ffffff1f;
    --heat-low: #1f232b; --heat-high: #b6b4ff; --alarm: #ff6b5e;
    --series-1: #98a2ae; --series-2: #93a9ff; --series-3: #f0955a; --series-4: #4fc3a5; --series-5: #e08bc8; --series-6: #d6b656;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main, body > header { max-width: 1104px; margin: 0 auto; padding: 0 32px; }
body > header { padding-top: 48px; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 18px; line-height: 1.3; font-weight: 600; letter-spacing: -0.005em; margin: 0; }
h3 { font-size: 14px; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
.about, .note { color: var(--muted); }
.about { overflow-wrap: anywhere; }
.note { font-size: 13.5px; margin-top: 4px; max-width: 84ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0; margin: 32px 0 0; padding: 18px 0; border-block: 1px solid var(--rule); }
.figures > div { padding: 2px 20px; border-left: 1px solid var(--rule); }
.figures > div:first-child { padding-left: 0; border-left: 0; }
.figures dt { color: var(--muted); font-size: 13px; }
.figures dd { margin: 2px 0 0; font-size: 23px; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; }
.figures dd.aside { font-size: 13px; font-weight: 400; letter-spacing: 0; color: var(--muted); }
.warnings { list-style: none; margin: 20px 0 0; padding: 2px 0 2px 14px; border-left: 3px solid var(--above); max-width: 84ch; overflow-wrap: anywhere; }
section { padding-top: 44px; }
section:last-child { padding-bottom: 64px; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 20px; margin-bottom: 14px; }
.head > :first-child { flex: 1 1 auto; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 32px 36px; margin-top: 32px; }
figure { margin: 0; min-width: 0; }
figure > h3 { margin-bottom: 8px; }
.chart { min-height: 210px; }
.chart.large { min-height: 350px; }
.uplot { font: inherit; }
.u-legend { font-size: 13px; text-align: left; margin: 4px 0 0 !important; color: var(--muted); }
.u-legend .u-series > * { padding: 0 4px 0 0; border: 0; }
.u-legend tr:hover { background: none; }
.u-legend th { font-weight: 400; }
.u-legend .u-series:first-child .u-marker { display: none; }
.u-legend .u-value { color: var(--ink); min-width: 56px; }
.u-legend .u-marker { width: 16px; height: 0; border-width: 3px 0 0 !important; margin-right: 6px; vertical-align: middle; }
.u-inline tr { margin-right: 14px; }
.u-select { background: color-mix(in oklab, var(--accent) 12%, transparent); }
.u-hz .u-cursor-x { border-right: 1px solid var(--muted); opacity: 0.5; }
button, input, .choice label {
  font: inherit; font-size: 13px; color: inherit; border: 1px solid var(--rule); border-radius: 6px; background: var(--paper); padding: 3px 10px;
}
button { cursor: pointer; }
button:hover, .choice label:hover { background: var(--raised); }
button[aria-pressed="true"], .choice input:checked + label { background: var(--faint); border-color: var(--muted); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.choice { display: flex; border: 0; padding: 0; margin: 0; }
.choice input { position: absolute; opacity: 0; pointer-events: none; }
.choice label { cursor: pointer; }
.choice label:first-of-type { border-radius: 6px 0 0 6px; }
.choice label:last-of-type { border-radius: 0 6px 6px 0; margin-left: -1px; }
.choice input:focus-visible + label { outline: 2px solid var(--accent); outline-offset: 2px; z-index: 1; }
.scroll { max-height: min(760px, 84vh); overflow: auto; border: 1px solid var(--rule); border-radius: 8px; }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; font-size: 13px; color: var(--muted); }
.legend svg { display: block; border-radius: 3px; }
.readout { margin-left: auto; color: var(--ink); min-height: 1.5em; }
svg text { fill: var(--ink); font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }
.scaled { --mixed: color-mix(in oklab, var(--side) var(--share), var(--neutral)); fill: var(--mixed); }
.above { --side: var(--above); } .below { --side: var(--below); }
.architecture, .heat .scroll > svg { display: block; height: auto; margin: 0 auto; max-width: 100%; }
.architecture-frame { padding: 14px 0; }
.architecture rect { stroke: var(--edge); stroke-width: 1; }
.architecture .wires path { fill: none; stroke: var(--muted); stroke-width: 1.25; opacity: 0.65; }
.architecture .join circle { fill: var(--paper); stroke: var(--muted); stroke-width: 1.25; } .architecture .join path { fill: none; stroke: var(--muted); stroke-width: 1.5; }
.architecture .name { font-weight: 600; }
.architecture .depths text { fill: var(--muted); font-size: 11px; text-anchor: end; dominant-baseline: central; }
.roomy text { font-size: 11.5px; } .roomy .name, .roomy .scale { font-size: 13px; }
.compact text { font-size: 11px; } .compact .name, .compact .scale { font-size: 12px; }
.heat .legend { margin-bottom: 10px; }
.heat .scroll { padding: 14px 0 4px; }
.heat text { font-size: 11px; } .heat .ticks text { fill: var(--muted); }
.shade { fill: color-mix(in oklab, var(--heat-high) var(--share), var(--heat-low)); }
.not-finite { fill: var(--alarm); }
.not-finite-key::before { content: ""; display: inline-block; width: 12px; height: 12px; border-radius: 3px; background: var(--alarm); margin: 0 6px 0 12px; vertical-align: -1px; }
section:has(#measure-gradient:checked) .heat[data-measure="relative"], section:has(#measure-relative:checked) .heat[data-measure="gradient"] { display: none; }
.scroll table { border-collapse: collapse; width: 100%; font-size: 13px; }
.scroll :is(th, td) { padding: 5px 11px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--rule); }
.scroll tbody tr:last-child > * { border-bottom: 0; }
.scroll tbody tr:hover { background: var(--raised); }
.scroll thead th { position: sticky; top: 0; z-index: 1; background: var(--paper); color: var(--muted); font-weight: 500; box-shadow: inset 0 -1px 0 var(--rule); border-bottom: 0; }
.scroll tbody th { font-weight: 400; }
.scroll .number { text-align: right; }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 12.5px; }
.scroll .long { min-width: 130px; white-space: normal; overflow-wrap: anywhere; } .scroll th.long { min-width: 220px; }
thead button { border: 0; background: none; padding: 0; font-weight: 500; white-space: nowrap; }
thead button:hover { background: none; color: var(--ink); }
thead button { position: relative; }
thead button::after { content: "↓"; position: absolute; left: calc(100% + 1px); visibility: hidden; }
thead .number button::after { left: auto; right: calc(100% + 1px); }
th[aria-sort] button { color: var(--ink); } th[aria-sort] button::after { visibility: visible; }
th[aria-sort="ascending"] button::after { content: "↑"; }
td .scaled { display: inline-block; width: 10px; height: 10px; border-radius: 3px; background: var(--mixed); box-shadow: inset 0 0 0 1px var(--edge); margin-right: 8px; }
.verdict { font-size: 17px; line-height: 1.5; max-width: 70ch; margin-bottom: 22px; overflow-wrap: anywhere; } .verdict p + p { margin-top: 8px; }
.curves { margin-top: 32px; }
details { margin-top: 24px; }
summary { cursor: pointer; color: var(--muted); font-size: 13.5px; margin-bottom: 10px; width: fit-content; }
.settings { columns: 2; column-gap: 48px; font-size: 13.5px; margin: 0; }
.settings > div { display: flex; gap: 16px; justify-content: space-between; break-inside: avoid; padding: 5px 0; border-bottom: 1px solid var(--rule); }
.settings dt { color: var(--muted); } .settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
[hidden] { display: none !important; }
@media (max-width: 720px) {
  main, body > header { padding-inline: 18px; } body > header { padding-top: 28px; }
  .settings { columns: 1; }
  .figures { grid-template-columns: 1fr 1fr; row-gap: 14px; } .figures > div { padding: 0 12px 0 0; border: 0; }
}
@media print {
  @page { margin: 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11pt; } main, body > header { padding: 0; max-width: none; } body > header { padding-top: 0; }
  .scroll, .architecture-frame, .heat .scroll { max-height: none; overflow: visible; border: 0; padding: 0; }
  .grid { grid-template-columns: 1fr 1fr; gap: 24px; } .figures { grid-template-columns: repeat(5, auto); }
  .architecture, .heat .scroll > svg { min-width: 0 !important; }
  button:not(thead button), input, .choice, .readout { display: none; }
  thead button::after { display: none; }
  .scroll thead th { position: static; }
  .head, h2, h3 { break-after: avoid; } figure, tr, .figures { break-inside: avoid; }
  .scroll :is(th, td) { padding: 3px 6px; } .scroll table { font-size: 8pt; } .code { font-size: 7.5pt; } .scroll .long { min-width: 0; }
  section { padding-top: 28px; }
}
`;
