// Printing tensors the way PyTorch does: aligned columns, four digits, long dimensions summarised.

import { dataSync } from '../ops/read.ts';
import { isFloating } from './dtype.ts';
import type { Tensor } from './tensor.ts';

const options = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80 };

/** Sets how tensors print: digits behind the point, elements shown before summarising, items at each edge, width of a line. */
export function setPrintOptions(o: Partial<typeof options>): void {
  Object.assign(options, o);
}

function formatter(values: readonly (number | bigint)[], dtype: Tensor['dtype']): (v: number | bigint) => string {
  if (dtype === 'bool') return (v) => (Number(v) !== 0 ? 'true' : 'false').padStart(5);
  if (!isFloating(dtype)) {
    const width = Math.max(0, ...values.map((v) => String(v).length));
    return (v) => String(v).padStart(width);
  }
  const finite = values.map(Number).filter(Number.isFinite);
  const nonzero = finite.map(Math.abs).filter((v) => v !== 0);
  const [max, min] = [Math.max(0, ...nonzero), Math.min(...nonzero, Number.POSITIVE_INFINITY)];
  const whole = finite.every(Number.isInteger);
  const scientific = nonzero.length > 0 && (max > 1e8 || (!whole && (max / min > 1000 || min < 1e-4)));
  const text = (v: number): string => {
    if (Number.isNaN(v)) return 'nan';
    if (!Number.isFinite(v)) return v > 0 ? 'inf' : '-inf';
    if (scientific) return v.toExponential(options.precision).replace(/e([+-])(\d)$/, 'e$10$2');
    return whole ? `${Object.is(v, -0) ? '-0' : v}.` : v.toFixed(options.precision);
  };
  const width = Math.max(0, ...values.map((v) => text(Number(v)).length));
  return (v) => text(Number(v)).padStart(width);
}

/** The text of a tensor. */
export function format(x: Tensor): string {
  const suffix: string[] = [];
  if (x.dtype !== 'float32' && x.dtype !== 'int64' && x.dtype !== 'bool') suffix.push(`dtype=${x.dtype}`);
  if (x.numel === 0 && x.ndim !== 1) suffix.unshift(`size=[${x.shape.join(', ')}]`);
  if (x.node !== null) suffix.push(`gradFn=<${x.node.name}>`);
  else if (x.requiresGrad) suffix.push('requiresGrad=true');
  const flat = dataSync(x);
  const summarise = x.numel > options.threshold;
  const shown: (number | bigint)[] = [];
  const edge = options.edgeItems;
  const positions = (n: number): (number | null)[] =>
    summarise && n > 2 * edge
      ? [...Array.from({ length: edge }, (_, i) => i), null, ...Array.from({ length: edge }, (_, i) => n - edge + i)]
      : Array.from({ length: n }, (_, i) => i);
  const visit = (d: number, at: number): void => {
    if (d === x.ndim) {
      shown.push(flat[at]);
      return;
    }
    const step = x.shape.slice(d + 1).reduce((a, b) => a * b, 1);
    for (const i of positions(x.shape[d])) if (i !== null) visit(d + 1, at + i * step);
  };
  visit(0, 0);
  const fmt = formatter(shown, x.dtype);
  const build = (d: number, at: number, indent: number): string => {
    if (d === x.ndim) return fmt(flat[at]);
    const step = x.shape.slice(d + 1).reduce((a, b) => a * b, 1);
    const parts = positions(x.shape[d]).map((i) => (i === null ? '...' : build(d + 1, at + i * step, indent + 1)));
    if (d === x.ndim - 1) {
      const lines: string[] = [];
      let line = '';
      for (const [i, p] of parts.entries()) {
        const piece = p + (i < parts.length - 1 ? ', ' : '');
        if (line !== '' && indent + line.length + piece.length > options.lineWidth) {
          lines.push(line.trimEnd());
          line = '';
        }
        line += piece;
      }
      return `[${[...lines, line].join(`\n${' '.repeat(indent + 1)}`)}]`;
    }
    const gap = `,${'\n'.repeat(Math.max(1, x.ndim - d - 1))}${' '.repeat(indent + 1)}`;
    return `[${parts.join(gap)}]`;
  };
  const body = x.numel === 0 && x.ndim > 0 ? '[]' : build(0, 0, 7);
  return `tensor(${x.ndim === 0 ? body.trim() : body}${suffix.length > 0 ? `, ${suffix.join(', ')}` : ''})`;
}
