// Outlines that the clothing painters share, on a 28 x 28 grid.

/** Middle of the 28 pixels. */
export const mid = 14;

/** Right half mirrored to a closed outline: pairs (half width, y) from top to bottom. */
export const mirrored = (half: readonly (readonly [number, number])[]): number[] => [
  ...half.flatMap(([w, y]) => [mid + w, y]),
  ...[...half].reverse().flatMap(([w, y]) => [mid - w, y]),
];

/** A line of the given width as an outline. */
export function line(x0: number, y0: number, x1: number, y1: number, width: number): number[] {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const nx = (-(y1 - y0) / length) * (width / 2);
  const ny = ((x1 - x0) / length) * (width / 2);
  return [x0 + nx, y0 + ny, x1 + nx, y1 + ny, x1 - nx, y1 - ny, x0 - nx, y0 - ny];
}

/** An arc of an ellipse as a band: angles in radians, 0 to the right, growing clockwise. */
export function band(cx: number, cy: number, rx: number, ry: number, from: number, to: number, width: number): number[] {
  const steps = 10;
  const out: number[] = [];
  const back: number[] = [];
  for (let i = 0; i <= steps; i++) {
    const t = from + ((to - from) * i) / steps;
    out.push(cx + (rx + width / 2) * Math.cos(t), cy + (ry + width / 2) * Math.sin(t));
    back.unshift(cx + (rx - width / 2) * Math.cos(t), cy + (ry - width / 2) * Math.sin(t));
  }
  return [...out, ...back];
}
