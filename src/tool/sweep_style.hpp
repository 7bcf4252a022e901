#pragma once

namespace lodestein::tool {

/// What the page of a sweep has beyond report_style. The colours are told apart by colour-blind
/// readers (after Okabe and Ito), darkened for light pages and lightened for dark ones; shapes
/// differ too.
inline constexpr const char* sweep_style = R"css(
:root {
  --c0: #0067a8; --c1: #c4500c; --c2: #00795a; --c3: #a84a86; --c4: #8a6d00; --c5: #2f8fc4;
  --c6: #555f6b; --c7: #6a3fb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --c0: #5fb2ee; --c1: #f58b4c; --c2: #3ecf9f; --c3: #e797c6; --c4: #e8cf4a; --c5: #9ad7f7;
    --c6: #b4bec9; --c7: #b79df2;
  }
}
.methods { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 4px 18px;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 9px 16px; font-size: 13.5px; }
.methods label { display: inline-flex; align-items: center; gap: 6px; cursor: pointer; }
.methods input { margin: 0; accent-color: var(--blue); }
.key-mark { flex: none; }
.panels { display: flex; flex-wrap: wrap; gap: 10px 14px; }
.panel { max-width: 100%; height: auto; }
.panel .title { font-size: 12.5px; font-weight: 620; fill: var(--ink); }
.series polyline { fill: none; stroke-width: 1.6; }
.series .interval { stroke-width: 1.2; opacity: 0.75; }
.series .mark { stroke-width: 1.5; }
.series .mark:hover { stroke-width: 4; }
.c0 { stroke: var(--c0); fill: var(--c0); } .c1 { stroke: var(--c1); fill: var(--c1); }
.c2 { stroke: var(--c2); fill: var(--c2); } .c3 { stroke: var(--c3); fill: var(--c3); }
.c4 { stroke: var(--c4); fill: var(--c4); } .c5 { stroke: var(--c5); fill: var(--c5); }
.c6 { stroke: var(--c6); fill: var(--c6); } .c7 { stroke: var(--c7); fill: var(--c7); }
.c8 { stroke: var(--ink); fill: var(--ink); }
.d1 polyline { stroke-dasharray: 9 3; } .d2 polyline { stroke-dasharray: 2 3; }
.series.reference { fill: var(--card); }
.reference polyline { stroke-dasharray: 4 3; opacity: 0.6; }
.failed { color: var(--red); font-size: 12px; }
.published { color: var(--muted); font-style: italic; }
details { margin-top: 14px; }
summary { cursor: pointer; font-weight: 600; font-size: 14px; }
h3 .quiet { font-weight: 400; }
@media print { .methods { position: static; } }
)css";

}  // namespace lodestein::tool
