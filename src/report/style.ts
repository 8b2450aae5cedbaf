// The report's style sheet: a page of a book. Light and dark, print, and down to the width of a phone.

export const reportStyle = `
:root{color-scheme:light dark;--paper:#fdfdfc;--ink:#22262c;--soft:#5f6670;--rule:#d9dce1;--hair:#eceef0;--accent:#1f66ad;--good:#12704f;--bad:#b3261e;--note:#fbf5e6;--note-edge:#d9a520}
@media (prefers-color-scheme:dark){:root{--paper:#16191e;--ink:#e6e8ec;--soft:#a4abb6;--rule:#3a404a;--hair:#262b32;--accent:#74b0ee;--good:#5fd0a4;--bad:#ff8f85;--note:#26221a;--note-edge:#c79a2e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.6 'Iowan Old Style','Palatino Linotype',Palatino,'Book Antiqua',Georgia,'Liberation Serif',serif;font-variant-numeric:oldstyle-nums}
main{max-width:46.5rem;margin:0 auto;padding:4.5rem 1.25rem 3.5rem}
.kicker,h2,th,.small,figcaption,dt,footer,.tag{font-family:'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif}
.kicker{margin:0;font-size:.75rem;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);font-variant-numeric:lining-nums}
h1{margin:.35rem 0 1.1rem;font-size:2.35rem;line-height:1.15;font-weight:500;letter-spacing:-.012em;text-wrap:balance}
.lead{margin:0;font-size:1.2rem;line-height:1.55;text-wrap:pretty}
.lead strong{font-weight:600;white-space:nowrap}
h2{margin:3.2rem 0 1rem;font-size:.8rem;font-weight:600;letter-spacing:.09em;text-transform:uppercase;color:var(--soft)}
.note{margin:1.6rem 0 0;padding:.75rem 1rem;background:var(--note);border-left:3px solid var(--note-edge);font-size:.98rem;line-height:1.5}
.note p{margin:0}.note p+p{margin-top:.5rem}
figure{margin:0;min-width:0}
figure svg{display:block;max-width:100%;height:auto}
figcaption{margin-top:.5rem;font-size:.8125rem;line-height:1.45;color:var(--soft);font-variant-numeric:lining-nums}
figcaption b{color:var(--ink);font-weight:600}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20.5rem),1fr));gap:2rem 1.5rem;margin-top:2.6rem;align-items:start}
.images{display:grid;grid-template-columns:repeat(8,1fr);gap:1.1rem .85rem;margin:0;padding:0;list-style:none}
.images img{display:block;width:100%;height:auto;border-radius:3px;image-rendering:pixelated;background:var(--hair)}
.images .wrong img{outline:2px solid var(--bad);outline-offset:2px}
.images span{display:block;margin-top:.4rem;font:.8125rem/1.3 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;overflow-wrap:anywhere}
.images .truth{margin-top:.05rem;color:var(--soft)}
.right .mark{color:var(--good)}.wrong .mark,.wrong .predicted{color:var(--bad)}
.small{font-size:.8125rem;color:var(--soft);margin:.9rem 0 0;font-variant-numeric:lining-nums}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:lining-nums tabular-nums;border-top:1.5px solid var(--ink);border-bottom:1.5px solid var(--ink);font-size:.98rem;line-height:1.35}
th{padding:.5rem .9rem .45rem 0;text-align:left;font-size:.8rem;font-weight:600;border-bottom:1px solid var(--rule);white-space:nowrap}
td{padding:.34rem .9rem .34rem 0;border-bottom:1px solid var(--hair);white-space:nowrap}
tr:last-child td{border-bottom:0}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right}
tfoot td{border-top:1px solid var(--rule);font-weight:600}
.best{font-weight:600}
.quiet{color:var(--soft)}
.confusion{font-size:.875rem;border-collapse:separate;border-spacing:1px}
.confusion th,.confusion td{padding:.3rem .25rem;border:0;text-align:center}
.confusion th[scope=row]{text-align:right;padding-right:.5rem;font-weight:500}
.confusion thead th{vertical-align:bottom;font-weight:500;white-space:normal;line-height:1.15;font-size:.72rem}
.confusion td{min-width:2.5rem}
.confusion .hit{background:color-mix(in srgb,var(--good) calc(var(--share)*62%),var(--hair))}
.confusion .miss{background:color-mix(in srgb,var(--bad) calc(var(--share)*140%),var(--hair))}
.confusion .share{text-align:right;color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,13.5rem),1fr));gap:1rem 1.5rem;margin:0}
dl div{border-top:1px solid var(--rule);padding-top:.45rem;min-width:0}
dt{font-size:.75rem;color:var(--soft)}
dd{margin:.1rem 0 0;font-variant-numeric:lining-nums;overflow-wrap:anywhere;line-height:1.4}
code,pre{font:.85em/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono',monospace;font-variant-numeric:normal}
pre{margin:0;padding:.8rem 1rem;background:var(--hair);border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:3.5rem;padding-top:.9rem;border-top:1px solid var(--rule);font-size:.8125rem;color:var(--soft);font-variant-numeric:lining-nums}
@media (max-width:34rem){main{padding:2.2rem 1.25rem 2.5rem}h1{font-size:1.85rem}.lead{font-size:1.1rem}.images{grid-template-columns:repeat(4,1fr);gap:1rem .6rem}.images span{font-size:.75rem}h2{margin-top:2.6rem}dl{grid-template-columns:1fr 1fr}}
@media print{main{padding:0;max-width:none}h2{break-after:avoid}figure,tr,.images li{break-inside:avoid}}
`.trim();
