// Silhouettes of the shoe and bag classes of Fashion-MNIST with random shape and details; shoes point to the left.

import { band, line, mid, mirrored } from './outlines.ts';
import type { Painter } from './raster.ts';
import type { Draw } from './standin-random.ts';

/** The sole of a flat shoe along its foot line; `y` is the ground. */
function sole(p: Painter, left: number, right: number, y: number, thick: number, heel: number, tone: number): void {
  p.fill(
    [left, y - thick * 0.6, left + 1, y - thick, right - 1, y - thick - heel, right, y - thick - heel * 0.6, right - 0.3, y, left + 1.2, y],
    tone,
  );
}

export function sneaker(p: Painter, d: Draw): void {
  const high = d.chance(0.13);
  const ground = d.range(18.6, 21) + (high ? 3 : 0);
  const thick = d.range(1.2, 3);
  const height = d.range(6.5, 10) + (high ? d.range(3.5, 6) : 0);
  const base = ground - thick + 0.4;
  const collarY = ground - height;
  const opening = d.range(15, 18.5);
  const dip = d.range(0.6, 1.8);
  p.fill(
    [
      0.4,
      base,
      0.6,
      base - d.range(1.6, 2.8),
      3,
      base - d.range(3, 4.2),
      8,
      base - height * 0.48,
      opening - 2.5,
      collarY + d.range(1, 2),
      opening,
      collarY,
      opening + 3,
      collarY + dip,
      24.5,
      collarY + dip * 0.5,
      26.6,
      collarY - d.range(-0.8, 0.8),
      27.5,
      collarY + 2,
      27,
      base,
    ],
    1,
  );
  sole(p, 0.2, 27.9, ground, thick, d.range(0, 0.8), d.chance(0.6) ? d.range(1.05, 1.6) : d.range(0.3, 0.9));
  p.shade(line(0.5, base, 27.5, base - 0.2, 0.5), d.range(0.5, 0.9));
  for (let i = d.int(2, 4); i > 0; i--)
    p.shade(
      line(opening - i * 2.2, collarY + i * 0.9 + 0.4, opening - i * 2.2 + 2.2, collarY + i * 0.9 + 2.6, 0.7),
      d.chance(0.5) ? d.range(0.4, 0.8) : 1.35,
    );
  const stripes = d.int(0, 3);
  for (let i = 0; i < stripes; i++)
    p.shade(
      line(11 + i * 2.4, base - 0.4, 14 + i * 2.4, collarY + height * 0.32, d.range(0.7, 1.3)),
      i === 0 || d.chance(0.7) ? d.range(0.25, 0.7) : 1.4,
    );
  p.shade(
    [
      opening,
      collarY - 0.2,
      opening + 3,
      collarY + dip,
      24.5,
      collarY + dip * 0.5,
      24.5,
      collarY + dip + 1.2,
      opening + 1.4,
      collarY + dip + 1.4,
    ],
    d.range(0.4, 0.9),
  );
  if (d.chance(0.4)) p.shade([0.4, base, 0.6, base - 2, 3, base - 3.4, 5, base - 3.6, 6, base], d.range(0.6, 1.25));
}

export function sandal(p: Painter, d: Draw): void {
  if (d.chance(0.09)) {
    sneaker(p, d);
    return;
  }
  const tone = (): number => d.range(0.55, 1.3);
  const kind = d.pick([0.45, 0.25, 0.3], ['flat', 'wedge', 'heel'] as const);
  const rise = kind === 'flat' ? d.range(0, 1.5) : kind === 'wedge' ? d.range(2, 6) : d.range(6, 13);
  const ground = kind === 'heel' ? d.range(24, 27.5) : d.range(18.5, 22);
  const thick = d.range(0.9, 2);
  const heelTop = ground - thick - rise;
  // A strap bulges over the foot: a bent band rather than a straight one.
  const strap = (x0: number, y0: number, x1: number, y1: number): void => {
    const width = d.range(0.8, 2);
    const [bx, by] = [(x0 + x1) / 2 + d.range(-0.6, 0.2), (y0 + y1) / 2 - d.range(0, 0.9)];
    const t = tone();
    p.fill(line(x0, y0, bx, by, width), t);
    p.fill(line(bx, by, x1, y1, width), t);
  };
  const bend = d.range(10, 13);
  // Footbed from the toe over the bend up to the heel.
  p.fill(
    [0.5, ground - thick * 0.7, bend, ground - thick - 0.3, 26.8, heelTop, 27.4, heelTop + 1, bend + 1.5, ground - 0.2, 0.8, ground],
    tone(),
  );
  if (kind === 'wedge') p.fill([9, ground, bend, ground - thick, 26.8, heelTop, 27.5, ground], tone());
  if (kind === 'heel') {
    const w = d.range(0.5, 2.2);
    p.fill([23.5, heelTop + 0.8, 27.2, heelTop + 0.6, 26.8, ground, 26.8 - w, ground], tone());
  }
  const ankle = heelTop - d.range(3, 8);
  const toe = ground - thick;
  if (d.chance(0.85)) strap(d.range(3, 5), toe, d.range(7, 10), toe - d.range(2.5, 5));
  if (d.chance(0.7)) strap(d.range(8, 11), toe - d.range(2.5, 5), d.range(11, 14), toe - 0.5);
  if (d.chance(0.5)) strap(d.range(5, 8), toe, d.range(2, 5), toe - d.range(1.5, 3.5));
  if (d.chance(0.6)) strap(d.range(8, 10), toe - 3.5, d.range(17, 20), ankle + 1);
  if (d.chance(0.8)) strap(d.range(17, 20), ankle + d.range(0, 1.5), 26.4, ankle + d.range(0, 2));
  if (d.chance(0.8)) strap(26, heelTop + 0.6, d.range(25, 27), ankle);
  if (d.chance(0.5)) strap(d.range(16, 20), heelTop + 1.6 + (20 - 18) * 0.3, d.range(17, 20), ankle + 0.8);
  if (d.chance(0.2)) p.fill([22, heelTop + 1, 27, heelTop, 27, ankle, 24, ankle + 1], tone());
}

export function ankleBoot(p: Painter, d: Draw): void {
  const low = d.chance(0.2);
  const heel = d.pick([0.6, 0.4], [d.range(0, 2), d.range(2.5, 8)]);
  const ground = low ? d.range(22, 25) : d.range(25, 27.8);
  const thick = d.range(0.9, 2.4);
  const shaft = low ? d.range(8.5, 12) : d.range(1, 8);
  const front = d.range(12, 15.5);
  const back = d.range(25.5, 27.6);
  const instep = ground - d.range(8, 11) - heel * 0.5;
  const base = ground - thick + 0.4;
  const toe = d.range(0.4, 1.4);
  p.fill(
    [
      toe,
      base,
      toe + 0.2,
      base - d.range(2, 3.2),
      4,
      base - d.range(3.6, 5),
      front - 3.5,
      instep + 1.5,
      front,
      instep - 1.5,
      front + d.range(-0.6, 1),
      shaft + d.range(-0.5, 0.5),
      back - d.range(0, 0.8),
      shaft + d.range(-1, 1),
      back - d.range(0, 1),
      instep,
      back,
      base - heel - 1,
      back - 0.2,
      base - heel * 0.8,
      15,
      base - heel * 0.4,
      11,
      base,
    ],
    1,
  );
  const soleTone = d.chance(0.55) ? d.range(0.25, 0.8) : d.range(0.9, 1.4);
  p.fill(
    [
      toe - 0.2,
      base - 0.3,
      11,
      base - 0.3,
      16,
      base - heel * 0.5,
      back,
      base - heel,
      back,
      base - heel + thick,
      15,
      ground - heel * 0.3,
      10,
      ground,
      toe + 0.5,
      ground,
    ],
    soleTone,
  );
  if (heel > 0.4) {
    const w = heel > 4 ? d.range(1.2, 4.5) : d.range(4, 8);
    p.fill([back - 6.5, base - heel * 0.8, back, base - heel * 0.9, back - 0.1, ground, back - w, ground], soleTone);
  }
  if (d.chance(0.45))
    for (let i = 0; i < 4; i++)
      p.shade(line(front - 3 + i * 0.9, instep + 1 - i * 2, front + 0.6 + i * 0.5, instep + 2.2 - i * 2, 0.7), d.range(0.4, 0.8));
  if (d.chance(0.3)) p.shade([18, shaft - 1, 21.5, shaft - 1, 21, instep + 1, 18.8, instep + 1], d.range(0.4, 0.8));
  if (d.chance(0.4)) p.shade(line(front, shaft + 1.6, back, shaft + 1.4, d.range(0.5, 1.6)), d.range(0.5, 1.3));
  if (d.chance(0.35)) p.shade(line(front - 2, instep + 2, back, instep + d.range(1, 4), 0.8), d.range(0.5, 0.9));
}

export function bag(p: Painter, d: Draw): void {
  const w = d.range(9.5, 14);
  const handleKind = d.pick([0.5, 0.3, 0.2], ['arc', 'straps', 'none'] as const);
  const tall = d.chance(0.25);
  const sack = d.chance(0.05); // a large bag without handles, near to a shirt in outline
  const handle = sack ? 'none' : handleKind;
  const width = tall || sack ? d.range(6.5, 10.5) : w;
  const bottom = sack ? d.range(26, 28) : handle === 'none' ? d.range(21, 26) : d.range(24.5, 28);
  const height = sack ? d.range(22, 25) : handle === 'none' ? d.range(12, 20) : tall ? d.range(15, 19) : d.range(9.5, 17);
  const y = bottom - height;
  const taper = d.range(-1.5, 2.2);
  const round = d.range(0.2, 2.6);
  if (handle === 'arc')
    p.fill(
      band(mid + d.normal(0, 0.4), y + 1, d.range(3, width * 0.75), Math.min(y, d.range(4, 14)), Math.PI, 2 * Math.PI, d.range(0.8, 1.7)),
      d.range(0.6, 1.2),
    );
  if (handle === 'straps') {
    const [hx, hy] = [d.range(2, 5), Math.max(0.3, y - d.range(4, 11))];
    for (const s of [1, -1])
      p.fill(line(mid + s * (hx + d.range(0, 2)), y + 1, mid + s * (hx - 0.8), hy, d.range(0.8, 1.5)), d.range(0.6, 1.2));
    p.fill(line(mid - hx, hy, mid + hx, hy, 1.2), d.range(0.6, 1.2));
  }
  p.fill(
    mirrored([
      [width - taper - round, y],
      [width - taper, y + round],
      [width, bottom - round],
      [width - round, bottom],
    ]),
    1,
  );
  if (d.chance(0.5)) {
    const flap = y + height * d.range(0.3, 0.6);
    p.shade(
      d.chance(0.5)
        ? line(mid - width + 0.5, flap, mid + width - 0.5, flap, 0.8)
        : [mid - width + taper, y, mid + width - taper, y, mid + width - 1, flap - 2, mid, flap + 1, mid - width + 1, flap - 2],
      d.range(0.6, 1.2),
    );
    if (d.chance(0.6))
      p.shade([mid - 1.2, flap - 0.8, mid + 1.2, flap - 0.8, mid + 1.2, flap + 1.2, mid - 1.2, flap + 1.2], d.chance(0.5) ? 0.4 : 1.6);
  }
  if (d.chance(0.6)) p.shade(line(mid - width + taper, y + 1, mid + width - taper, y + 1, 0.9), d.range(0.6, 1.2));
  if (d.chance(0.3))
    for (const s of [1, -1]) p.shade(line(mid + s * width * 0.55, y, mid + s * width * 0.6, bottom, d.range(0.6, 1.4)), d.range(0.5, 1.3));
}
