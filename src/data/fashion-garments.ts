// Silhouettes of the clothing classes of Fashion-MNIST: tops, dresses and trousers with random cut and details.
// Garments are symmetric about the middle before the pose is applied. The classes overlap as the original ones do.

import { line, mid, mirrored } from './outlines.ts';
import type { Outline, Painter } from './raster.ts';
import type { Draw } from './standin-random.ts';

/** Cut of an upper garment; widths are measured from the middle, heights from the top, in pixels. */
interface TopCut {
  bottom: number;
  /** Half width at the shoulder, under the arm, at the waist and at the hem. */
  shoulder: number;
  chest: number;
  waist: number;
  hem: number;
  /** Neckline: half width, depth, 0 round to 1 pointed. */
  neck: number;
  neckDepth: number;
  pointed: number;
  sleeve: 'none' | 'short' | 'long';
  /** Outer end of the sleeve and its width. */
  cuffX: number;
  cuffY: number;
  cuff: number;
  sleeveTone: number;
}

function sleeve(p: Painter, c: TopCut, armpit: number, side: 1 | -1, d: Draw): void {
  if (c.sleeve === 'none') return;
  const x = (w: number): number => mid + side * w;
  const slope = 1.2 + (c.shoulder > 7 ? 0.5 : 0);
  const [ex, ey] = [c.cuffX, c.cuffY];
  // The cuff stands square to the sleeve, which runs from the shoulder's end to the cuff.
  const along = Math.hypot(ex - c.shoulder, ey - slope);
  const [ux, uy] = [(ex - c.shoulder) / along, (ey - slope) / along];
  const bow = d.range(0.2, 0.8);
  const upper: Outline = [
    x(c.shoulder - 2.2),
    slope - 0.9,
    x(c.shoulder),
    slope,
    x((c.shoulder + ex) / 2 + bow),
    (slope + ey) / 2 - bow * 0.5,
    x(ex),
    ey,
    x(ex - uy * c.cuff),
    ey + ux * c.cuff,
    x(c.chest - 0.4),
    armpit + (c.sleeve === 'long' ? 1.4 : 0.4),
    x(c.chest - 1.4),
    armpit - 2,
  ];
  p.fill(upper, c.sleeveTone);
  if (c.sleeve === 'long') p.shade(line(x(ex + 0.3), ey - 1.4, x(ex - c.cuff), ey - 1.4, 0.5), d.range(0.75, 1));
}

function top(p: Painter, c: TopCut, d: Draw): void {
  const armpit = d.range(7.5, 9.5);
  sleeve(p, c, armpit, 1, d);
  sleeve(p, c, armpit, -1, d);
  const waistY = armpit + (c.bottom - armpit) * 0.45;
  const body = mirrored([
    [c.neck, 0],
    [c.shoulder - 0.6, 1.1],
    [c.shoulder + (c.sleeve === 'none' ? -0.6 : 0), 2],
    [c.chest - (c.sleeve === 'none' ? 1.6 : 0.3), armpit - 2.5],
    [c.chest, armpit],
    [c.waist, waistY],
    [(c.waist + c.hem) / 2, (waistY + c.bottom) / 2],
    [c.hem, c.bottom - 0.4],
    [c.hem * 0.55, c.bottom + d.range(-0.3, 0.3)],
  ]);
  p.fill(body, 1);
  // Seam between sleeve and body, and the shadow under the arm.
  if (c.sleeve !== 'none') {
    const seam = d.range(0.7, 0.95);
    for (const s of [1, -1] as const) p.shade(line(mid + s * (c.shoulder - 0.4), 1.5, mid + s * (c.chest + 0.1), armpit + 1, 0.8), seam);
    if (c.sleeve === 'long')
      for (const s of [1, -1] as const)
        p.shade(line(mid + s * (c.chest + 0.2), armpit + 1, mid + s * (c.hem + 0.3), Math.min(c.bottom, c.cuffY), 0.9), d.range(0.05, 0.7));
  }
  const deep = c.neckDepth;
  const round = 1 - c.pointed;
  p.cut([
    mid - c.neck,
    -1,
    mid + c.neck,
    -1,
    mid + c.neck,
    0,
    mid + c.neck * (0.5 + 0.35 * round),
    deep * 0.6,
    mid,
    deep,
    mid - c.neck * (0.5 + 0.35 * round),
    deep * 0.6,
    mid - c.neck,
    0,
  ]);
}

const longSleeve = (d: Draw, hem: number, bottom: number): Pick<TopCut, 'sleeve' | 'cuffX' | 'cuffY' | 'cuff'> => ({
  sleeve: 'long',
  cuffX: Math.min(13.9, hem + d.range(2.9, 5.6)),
  cuffY: Math.min(27.6, bottom - d.range(-0.6, 5)),
  cuff: d.range(2.1, 3.4),
});
const shortSleeve = (d: Draw): Pick<TopCut, 'sleeve' | 'cuffX' | 'cuffY' | 'cuff'> => ({
  sleeve: 'short',
  cuffX: d.range(10.6, 13.8),
  cuffY: d.range(6.5, 10.5),
  cuff: d.range(3, 4.6),
});

function baseTop(d: Draw, sleeved: 'none' | 'short' | 'long'): TopCut {
  const bottom = sleeved === 'long' ? d.range(25.5, 28) : d.range(26, 28);
  const chest = sleeved === 'long' ? d.normal(7.1, 0.8) : d.normal(7.9, 1.0);
  const hem = chest + d.normal(0.1, 0.6);
  return {
    bottom,
    chest,
    hem,
    shoulder: chest + d.normal(sleeved === 'none' ? -1.6 : 0.1, 0.5),
    waist: Math.min(chest, hem) - Math.abs(d.normal(0.2, 0.5)),
    neck: d.range(2.6, 4.3),
    neckDepth: d.range(1, 3.4),
    pointed: d.chance(0.3) ? 1 : 0,
    sleeveTone: d.chance(0.85) ? d.range(0.86, 1.1) : d.range(0.5, 1.4),
    ...(sleeved === 'long'
      ? longSleeve(d, hem, bottom)
      : sleeved === 'short'
        ? shortSleeve(d)
        : { sleeve: 'none', cuffX: 0, cuffY: 0, cuff: 0 }),
  };
}

function collar(p: Painter, c: TopCut, tone: number): void {
  for (const s of [1, -1]) {
    p.fill(
      [
        mid + s * (c.neck + 0.3),
        -0.2,
        mid + s * (c.neck + 0.9),
        1.6,
        mid + s * 1.6,
        3.6,
        mid + s * 0.3,
        Math.min(2.6, c.neckDepth + 0.6),
        mid + s * (c.neck - 0.7),
        0.6,
      ],
      tone,
    );
    p.shade(line(mid + s * (c.neck + 0.8), 1.7, mid + s * 1.4, 3.7, 0.5), 0.75);
  }
}

/** The line of a closed front, with buttons or a zip. */
function placket(p: Painter, c: TopCut, d: Draw, strength: number): void {
  const x = mid + d.normal(0, 0.3);
  p.shade(line(x, c.neckDepth, x, c.bottom, d.range(0.5, 1)), 1 - strength);
  if (d.chance(0.6)) p.shade(line(x + 1, c.neckDepth, x + 1, c.bottom, 0.5), 1 + 0.3 * strength);
  if (d.chance(0.5))
    for (let y = c.neckDepth + 2; y < c.bottom - 1; y += 3.4)
      p.shade([x - 0.5, y, x + 0.5, y, x + 0.5, y + 0.9, x - 0.5, y + 0.9], 1 - 0.6 * strength);
}

function logo(p: Painter, d: Draw): void {
  const [w, h] = [d.range(2, 5), d.range(0.8, 4)];
  const y = d.range(6, 13);
  const factor = d.chance(0.5) ? d.range(0.2, 0.6) : d.range(1.3, 2.2);
  const pieces = d.int(1, 3);
  for (let i = 0; i < pieces; i++) {
    const [x, yy] = [mid + d.range(-w, w) * 0.5, y + d.range(-h, h)];
    p.shade(
      [
        x - w * d.range(0.3, 1),
        yy - h * 0.5,
        x + w * d.range(0.3, 1),
        yy - h * d.range(0.2, 0.6),
        x + w * d.range(0.2, 0.9),
        yy + h * 0.5,
        x - w * d.range(0.2, 0.9),
        yy + h * 0.5,
      ],
      factor,
    );
  }
}

export function tShirt(p: Painter, d: Draw): void {
  const c = baseTop(d, d.pick([0.78, 0.13, 0.09], ['short', 'none', 'long']));
  if (d.chance(0.08)) [c.chest, c.waist, c.hem, c.shoulder] = [c.chest - 1.6, c.waist - 2, c.hem - 1, c.shoulder - 1.6];
  top(p, c, d);
  if (d.chance(0.35)) logo(p, d);
  if (d.chance(0.07)) collar(p, c, d.range(0.8, 1.1));
}

export function pullover(p: Painter, d: Draw): void {
  const c = baseTop(d, d.chance(0.95) ? 'long' : 'short');
  c.neckDepth = d.range(0.6, 2.4);
  top(p, c, d);
  if (d.chance(0.5)) p.shade(line(mid - c.hem, c.bottom - 1.6, mid + c.hem, c.bottom - 1.6, 0.6), d.range(0.7, 0.95));
  if (d.chance(0.3)) logo(p, d);
  if (d.chance(0.13)) placket(p, c, d, d.range(0.1, 0.5));
  if (d.chance(0.14)) hood(p, c, d);
}

function hood(p: Painter, c: TopCut, d: Draw): void {
  const tone = d.range(0.75, 1.05);
  p.fill(
    mirrored([
      [d.range(1.5, 3), -0.2],
      [c.neck + 1, 0.8],
      [c.neck + 1.4, 2.6],
      [2, 4.2],
    ]),
    tone,
  );
  p.shade(
    mirrored([
      [1.6, 0.8],
      [c.neck, 1.6],
      [1.2, 3.4],
    ]),
    d.range(0.4, 0.7),
  );
}

export function coat(p: Painter, d: Draw): void {
  const c = baseTop(d, 'long');
  const wider = d.range(-0.5, 0.9);
  c.chest += wider * 0.5;
  c.hem += wider;
  c.waist += wider * 0.5;
  c.bottom = d.range(26.4, 28);
  c.pointed = d.chance(0.6) ? 1 : 0;
  top(p, c, d);
  if (d.chance(0.35)) hood(p, c, d);
  else if (d.chance(0.7)) collar(p, c, d.range(0.75, 1.1));
  if (d.chance(0.8)) placket(p, c, d, d.range(0.1, 0.75));
  if (d.chance(0.45))
    for (const s of [1, -1])
      p.shade(line(mid + s * (c.hem - 1.3), d.range(17, 19), mid + s * (c.hem - 3.6), d.range(17.5, 20), 0.7), d.range(0.55, 0.9));
  if (d.chance(0.12)) p.shade(line(mid - c.waist - 0.5, 16, mid + c.waist + 0.5, 16, 1.1), d.range(0.5, 0.9));
}

// Shirts overlap with four other classes, which is what makes the original set hard.
export function shirt(p: Painter, d: Draw): void {
  const kind = d.pick([0.55, 0.14, 0.08, 0.05, 0.18], ['button', tShirt, pullover, coat, 'tunic'] as const);
  if (typeof kind === 'function') {
    kind(p, d);
    return;
  }
  const c = baseTop(d, kind === 'tunic' ? d.pick([0.35, 0.65], ['none', 'short']) : d.chance(0.72) ? 'long' : 'short');
  const slim = d.range(0.4, 1.8);
  c.chest -= slim;
  c.shoulder -= slim * 0.7;
  c.waist -= slim;
  c.hem -= slim * 0.8;
  if (c.sleeve === 'long') c.cuffX -= slim * d.range(0.2, 1);
  if (kind === 'tunic') {
    c.hem += d.range(-0.5, 1.4);
    c.chest -= d.range(0, 1.4);
    c.shoulder = c.chest + d.range(-0.8, 0.4);
    c.waist = Math.min(c.waist, c.chest - 0.2);
    c.neckDepth = d.range(2, 5);
  } else c.neck = d.range(2, 3.2);
  top(p, c, d);
  if (kind === 'button') {
    if (d.chance(0.85)) collar(p, c, d.chance(0.5) ? d.range(0.85, 1.15) : d.range(1.2, 1.5));
    placket(p, c, d, d.range(0.05, 0.4));
    if (d.chance(0.3)) p.shade([mid + 2, 9, mid + 4.6, 9, mid + 4.6, 12, mid + 2, 12], d.range(0.8, 1.15));
  }
}

export function dress(p: Painter, d: Draw): void {
  const c = baseTop(d, d.pick([0.42, 0.33, 0.25], ['none', 'short', 'long']));
  const loose = d.chance(0.2) ? d.range(0.8, 2.8) : 0;
  c.bottom = d.range(27, 28);
  c.chest = d.normal(4.6, 0.5) + loose;
  c.shoulder = c.chest - d.range(-0.3, 1.1);
  c.waist = c.chest - d.range(0, 1);
  const narrow = d.chance(0.06); // a straight sheath, near to trousers seen from the side
  c.hem = c.waist + d.pick([0.55, 0.45], [d.range(0, 1.6), d.range(1.6, 4.5)]);
  if (narrow) [c.sleeve, c.chest, c.shoulder, c.waist, c.hem] = ['none', 4.2, 4, 4, d.range(3.8, 4.8)];
  c.neck = Math.min(d.range(1.6, 3), c.shoulder - 0.8);
  c.neckDepth = d.range(1, 4.5);
  if (c.sleeve === 'short') [c.cuffX, c.cuffY, c.cuff] = [c.chest + d.range(1.2, 3), d.range(5.5, 8.5), d.range(2, 3)];
  if (c.sleeve === 'long') [c.cuffX, c.cuffY, c.cuff] = [c.chest + d.range(1.8, 4), d.range(13, 18), d.range(1.4, 2.2)];
  top(p, c, d);
  if (d.chance(0.5)) p.shade(line(mid - c.waist - 0.4, 12, mid + c.waist + 0.4, 12, d.range(0.5, 1.4)), d.range(0.5, 1.2));
  for (let i = d.int(0, 3); i > 0; i--) {
    const x = d.range(-0.7, 0.7);
    p.shade(line(mid + x * c.waist, 13, mid + x * c.hem, 27.5, 0.8), d.range(0.75, 1.15));
  }
}

export function trouser(p: Painter, d: Draw): void {
  const waist = d.normal(4.1, 0.5);
  const hip = waist + d.range(0.2, 1.1);
  const shorts = d.chance(0.04);
  const wide = d.chance(0.15);
  const crotch = d.range(8.5, 11.5) + (shorts ? 4 : 0);
  const outer = shorts ? d.range(7, 11) : hip + d.range(-0.9, 0.6) + (wide ? d.range(0.5, 2.5) : 0);
  const leg = shorts ? outer * 0.8 : d.range(2.4, 3.4) + (wide ? 1.2 : 0);
  const inner = Math.max(0.15, outer - leg);
  const gap = d.chance(0.1) ? -0.4 : d.range(0.05, 0.5);
  const far = d.range(0.8, 1.05);
  for (const s of [-1, 1]) {
    p.fill(
      [
        mid,
        0.2,
        mid + s * waist,
        0,
        mid + s * hip,
        5,
        mid + s * (hip * 0.97),
        crotch,
        mid + s * ((hip + outer) / 2),
        19,
        mid + s * outer,
        28,
        mid + s * inner,
        28,
        mid + s * Math.min(inner, 0.4 + gap),
        crotch + 5,
        mid + s * gap,
        crotch,
        mid,
        crotch - 0.6,
      ],
      s > 0 ? 1 : far,
    );
  }
  p.shade(line(mid - waist, 1.6, mid + waist, 1.6, 0.7), d.range(0.65, 1));
  p.shade(line(mid, 1.5, mid, crotch, 0.6), d.range(0.6, 0.95));
  if (d.chance(0.4)) for (const s of [-1, 1]) p.shade(line(mid + s * (waist - 0.6), 2, mid + s * (hip - 0.1), 5, 0.6), 0.75);
  if (d.chance(0.35))
    for (const s of [-1, 1])
      p.shade(line(mid + s * hip * 0.55, 9, mid + s * (inner + outer) * 0.5, 27, d.range(0.6, 1.6)), d.range(0.8, 1.25));
}
