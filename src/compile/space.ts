// Iteration spaces: shapes with the strides of operands over them, cut finer until two of them have the same dimensions.

/** Cuts of a shape: products of its last 1, 2, … sizes. */
function cuts(shape: readonly number[]): number[] {
  const out: number[] = [];
  let p = 1;
  for (let d = shape.length - 1; d >= 0; d--) out.push((p *= shape[d]));
  return out;
}

/** The coarsest shape that both shapes (of equally many elements, none of size 1) are merged forms of; null when there is none. */
export function commonShape(a: readonly number[], b: readonly number[]): number[] | null {
  if (a.length === b.length && a.every((n, d) => n === b[d])) return [...a];
  const all = [...new Set([...cuts(a), ...cuts(b)])].sort((x, y) => x - y);
  const shape: number[] = [];
  let p = 1;
  for (const c of all) {
    if (c % p !== 0) return null;
    shape.unshift(c / p);
    p = c;
  }
  return shape.length <= 16 ? shape : null;
}

/** How the dimensions of `shape` are made of those of the finer `fine`: [from, to) for each. */
export function parts(shape: readonly number[], fine: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  let at = 0;
  for (const n of shape) {
    const from = at;
    let p = 1;
    while (p < n) p *= fine[at++];
    out.push([from, at]);
  }
  return out;
}

/** Strides over `shape` as strides over the finer `fine`. */
export function refineStrides(strides: readonly number[], shape: readonly number[], fine: readonly number[]): number[] {
  if (shape.length === fine.length) return [...strides];
  const out = new Array<number>(fine.length);
  parts(shape, fine).forEach(([from, to], d) => {
    let s = strides[d];
    for (let k = to - 1; k >= from; k--) {
      out[k] = s;
      s *= fine[k];
    }
  });
  return out;
}
