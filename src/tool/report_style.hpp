#pragma once

namespace lodestein::tool {

/// The page's style sheet. Blue and orange stay apart for colour-blind readers.
inline constexpr const char* report_style = R"css(
:root {
  color-scheme: light dark;
  --page: #f5f7f9; --card: #ffffff; --ink: #1a232e; --muted: #5b6775; --line: #e1e6ec;
  --blue: #2567ad; --orange: #cc5f14; --red: #b3261e; --red-tint: #fbeceb; --amber: #8a5a00;
  --amber-tint: #fdf4e1; --blue-tint: #ebf2fa; --code: #f0f3f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --card: #181f27; --ink: #e4e9ee; --muted: #9aa7b4; --line: #2b3540;
    --blue: #6aa9ea; --orange: #f0924e; --red: #ff8a80; --red-tint: #3a1c1b; --amber: #f2c063;
    --amber-tint: #352a14; --blue-tint: #17283a; --code: #212a34;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
header h1 { font-size: 27px; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 4px; }
header p { margin: 0; color: var(--muted); overflow-wrap: anywhere; }
.brand { font-size: 12px; font-weight: 650; letter-spacing: 0.09em; text-transform: uppercase;
  color: var(--blue); margin-bottom: 8px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 1px;
  margin: 24px 0; background: var(--line); border: 1px solid var(--line); border-radius: 10px;
  overflow: hidden; }
.facts div { background: var(--card); padding: 12px 16px; }
.facts dt { color: var(--muted); font-size: 12.5px; }
.facts dd { margin: 0; font-size: 21px; font-weight: 620; font-variant-numeric: tabular-nums; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 24px 22px; margin: 16px 0; }
h2 { font-size: 17px; margin: 0 0 6px; letter-spacing: -0.005em; }
h3 { font-size: 14px; margin: 18px 0 6px; }
.lead { color: var(--muted); margin: 0 0 14px; max-width: 76ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: 12.5px;
  border-bottom: 1px solid var(--line); padding: 6px 14px 6px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 7px 14px 7px 0; vertical-align: middle; }
td:first-child { white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.quiet { color: var(--muted); }
.split { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 28px;
  align-items: start; }
@media (max-width: 820px) { .split { grid-template-columns: minmax(0, 1fr); } }
.stacked .graph { margin-bottom: 18px; }
.graph { text-align: center; }
.graph svg { max-width: 100%; height: auto; max-height: 860px; }
.graph text { fill: var(--ink); font-family: inherit; }
.graph text[fill="#5b6775"], .graph .edge text { fill: var(--muted); }
.graph .edge text { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.graph .node path { stroke: var(--muted); fill: var(--blue-tint); }
.graph .edge path { stroke: var(--blue); }
.graph .edge polygon { stroke: var(--blue); fill: var(--blue); }
.graph .negative path { stroke: var(--orange); }
.graph .negative polygon { stroke: var(--orange); fill: var(--orange); }
.key { font-size: 12.5px; color: var(--muted); margin: 10px 0 0; }
.key b { font-weight: 600; }
.blue { color: var(--blue); } .orange { color: var(--orange); }
.chart .label { font-size: 12px; fill: var(--muted); }
.chart .value { font-size: 11.5px; fill: var(--ink); font-variant-numeric: tabular-nums;
  pointer-events: none; }
.chart .value.on-colour { fill: var(--card); }
.cell { stroke: var(--line); stroke-width: 1; rx: 2px; }
.cell.positive { fill: var(--blue); } .cell.negative { fill: var(--orange); }
.bar { fill: var(--blue); } .bar.dropped { fill: var(--muted); opacity: 0.45; }
.grid { stroke: var(--line); stroke-width: 1; }
.spark { vertical-align: middle; }
.finding { border-left: 4px solid var(--muted); background: var(--code); border-radius: 0 8px 8px 0;
  padding: 10px 16px; margin: 10px 0; }
.finding p { margin: 2px 0; overflow-wrap: anywhere; }
.finding .kind { font-size: 12px; font-weight: 650; letter-spacing: 0.04em; }
.finding.note { border-color: var(--blue); background: var(--blue-tint); }
.finding.note .kind { color: var(--blue); }
.finding.warning { border-color: var(--amber); background: var(--amber-tint); }
.finding.warning .kind { color: var(--amber); }
.finding.failure { border-color: var(--red); background: var(--red-tint); }
.finding.failure .kind { color: var(--red); }
.verdict { color: var(--red); font-weight: 620; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
pre { background: var(--code); border-radius: 8px; padding: 12px 16px; margin: 8px 0 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.settings { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 24px;
  margin: 0; font-size: 13.5px; }
.settings dt { color: var(--muted); } .settings dd { margin: 0; overflow-wrap: anywhere; }
.claim::first-letter, .finding p::first-letter, li::first-letter { text-transform: uppercase; }
ul { margin: 6px 0 0; padding-left: 20px; } li { margin: 3px 0; }
footer { color: var(--muted); font-size: 12.5px; margin-top: 24px; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
)css";

}  // namespace lodestein::tool
