#include "app/report_style.hpp"

namespace tidemill::app {

// Blue against grey, and orange and vermilion for what is wrong, differ for every kind of colour vision
// (Okabe & Ito 2008); a word or a shape always says the same.
const std::string_view kReportStyle = R"css(
:root { color-scheme: light dark;
  --page: #f7f6f2; --card: #ffffff; --ink: #1b2025; --soft: #5a636e; --line: #dedbd2; --grid: #ecebe5;
  --ref: #a9b1ba; --ref-ink: #707b87; --cur: #0a6cb8; --cur-soft: #0a6cb81f; --warn: #b87400; --bad: #c4420c; --good: #0a7557;
  --v1: #e0991a; --v2: #0f8f6b; --v3: #b2659b; --v4: #8a8f96; }
@media (prefers-color-scheme: dark) { :root {
  --page: #121517; --card: #1a1e22; --ink: #e9e7e2; --soft: #a2abb5; --line: #30363c; --grid: #272c31;
  --ref: #6b7580; --ref-ink: #97a1ac; --cur: #5cb3f5; --cur-soft: #5cb3f526; --warn: #f0b23a; --bad: #ff8857; --good: #4cc69b;
  --v1: #e6a83a; --v2: #3fb58e; --v3: #cf8cbb; --v4: #8a9199; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main, header, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 34px; }
.kicker { color: var(--soft); margin: 0; letter-spacing: .02em; }
h1 { font-size: 34px; line-height: 1.15; margin: 2px 0 6px; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 22px; margin: 44px 0 4px; letter-spacing: -.01em; }
h3 { font-size: 15.5px; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
p { margin: 6px 0; }
.lede { color: var(--soft); max-width: 76ch; }
.summary { font-size: 17px; max-width: 80ch; margin: 14px 0 18px; padding: 0; list-style: none; }
.summary li { padding-left: 16px; border-left: 3px solid var(--line); margin: 6px 0; }
.summary li.bad { border-color: var(--bad); } .summary li.warn { border-color: var(--warn); } .summary li.good { border-color: var(--good); }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 18px 0 0; padding: 10px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
a { color: var(--cur); text-decoration-thickness: 1px; text-underline-offset: 3px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(168px, 1fr)); gap: 12px; margin: 18px 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 14px; } .tile b { display: block; font-size: 25px; font-weight: 600; letter-spacing: -.02em; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13.5px; } .tile .label { text-transform: none; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 14px; margin: 14px 0; align-items: start; }
.duo { display: grid; grid-template-columns: minmax(0, 1fr); gap: 14px; margin: 14px 0; align-items: start; }
@media (min-width: 820px) { .duo { grid-template-columns: minmax(0, 420px) minmax(0, 1fr); } .card.double { grid-column: span 2; } .card.double .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 20px; align-items: end; } }
.duo .note { margin: 0; }
.card { padding: 13px 14px 10px; min-width: 0; break-inside: avoid; }
.card header, .head { display: flex; justify-content: space-between; align-items: baseline; gap: 10px; padding: 0; margin: 0; max-width: none; }
.facts { color: var(--soft); font-size: 13.5px; margin: 2px 0 6px; }
.chip { white-space: nowrap; font-size: 13px; font-weight: 600; } .chip.bad { color: var(--bad); } .chip.warn { color: var(--warn); } .chip.good { color: var(--good); } .chip.soft { color: var(--soft); } p.chip { white-space: normal; }
figure { margin: 6px 0 2px; } figcaption { color: var(--soft); font-size: 13px; }
.note { color: var(--soft); background: var(--card); border: 1px dashed var(--line); border-radius: 10px; padding: 12px 14px; max-width: 90ch; overflow-wrap: anywhere; }
.key { display: inline-flex; flex-wrap: wrap; gap: 2px 18px; color: var(--soft); font-size: 13.5px; margin: 4px 0; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px; vertical-align: -1px; }
.key i.ref { background: var(--ref); } .key i.cur, .key i.v0 { background: var(--cur); } .key i.bad { background: var(--bad); }
.key i.v1 { background: var(--v1); } .key i.v2 { background: var(--v2); } .key i.v3 { background: var(--v3); } .key i.v4 { background: var(--v4); }
.key i.warnline, .key i.failline { height: 0; border-top: 2px dashed var(--warn); border-radius: 0; vertical-align: 4px; width: 16px; } .key i.failline { border-top: 2px solid var(--bad); }
details { margin: 6px 0 2px; font-size: 13.5px; } summary { color: var(--soft); cursor: pointer; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
.wide td { white-space: nowrap; } .wide td.free { white-space: normal; overflow-wrap: anywhere; min-width: 15ch; } .n { text-align: right; white-space: nowrap; } td.picture { min-width: 130px; width: 220px; padding: 2px 10px 2px 0; vertical-align: middle; }
tr.live td { font-weight: 600; }
.bar { display: block; height: 11px; background: var(--grid); border-radius: 3px; min-width: 70px; margin-top: 5px; } .bar b { display: block; height: 100%; background: var(--cur); border-radius: 3px; min-width: 1px; }
svg { display: block; width: 100%; height: auto; max-width: 430px; font-family: inherit; }
svg .t { font-size: 10.5px; fill: var(--soft); font-variant-numeric: tabular-nums; } svg .soft { font-size: 11.5px; }
svg line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
svg line.gridline { stroke: var(--grid); } svg line.axis { stroke: var(--ref-ink); }
svg .ref { fill: var(--ref); } svg .cur, svg .v0 { fill: var(--cur); } svg .bad { fill: var(--bad); } svg .warn { fill: var(--warn); }
svg .v1 { fill: var(--v1); } svg .v2 { fill: var(--v2); } svg .v3 { fill: var(--v3); } svg .v4 { fill: var(--v4); }
svg .hit { fill: transparent; } svg g:hover > .hit { fill: var(--cur-soft); }
svg polyline { fill: none; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
svg .curline { stroke: var(--cur); stroke-width: 1.6; } svg .curcurve { stroke: var(--cur); stroke-width: 2.4; } svg .refcurve { stroke: var(--ref-ink); stroke-width: 2.4; stroke-dasharray: 7 4; }
svg line.warnline { stroke: var(--warn); stroke-dasharray: 4 3; } svg line.failline { stroke: var(--bad); } svg line.chance { stroke: var(--ref); stroke-dasharray: 2 4; }
svg .refband { fill: var(--ref); opacity: .28; } svg line.refline { stroke: var(--ref-ink); stroke-dasharray: 7 4; stroke-width: 1.6; }
svg line.whisker { stroke: var(--cur); stroke-width: 1.8; } svg line.refwhisker { stroke: var(--ref); stroke-width: 1.8; }
#tip { position: fixed; top: 0; left: 0; z-index: 9; pointer-events: none; background: var(--ink); color: var(--page); padding: 4px 9px; border-radius: 6px; font-size: 13px; max-width: min(340px, 92vw); overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: 13.5px; padding-top: 40px; padding-bottom: 40px; }
@media (max-width: 560px) { main, header, footer { padding-left: 14px; padding-right: 14px; } h1 { font-size: 27px; } .tiles { grid-template-columns: 1fr 1fr; } .tile b { font-size: 21px; } svg { max-width: none; } }
@media print { :root { --page: #fff; --card: #fff; color-scheme: light; } body { font-size: 12px; } nav, #tip { display: none; } .grid { grid-template-columns: repeat(3, 1fr); } h2 { break-after: avoid; } svg { max-width: 300px; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
)css";

const std::string_view kReportScript = R"js(
(() => {
  for (const title of document.querySelectorAll('svg > title')) {
    title.parentNode.setAttribute('aria-label', title.textContent);
    title.remove();
  }
  for (const title of document.querySelectorAll('svg g > title')) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  const show = (event) => {
    const of = event.target.closest && event.target.closest('[data-tip]');
    tip.hidden = !of;
    if (!of) return;
    tip.textContent = of.dataset.tip;
    const left = Math.min(Math.max(8, event.clientX - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
    const above = event.clientY - tip.offsetHeight - 14;
    tip.style.transform = `translate(${left}px, ${above < 4 ? event.clientY + 20 : above}px)`;
  };
  addEventListener('pointermove', show, { passive: true });
  addEventListener('pointerdown', show, { passive: true });
  addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
})();
)js";

}  // namespace tidemill::app
