// Printing tensors the way PyTorch does: nested brackets, aligned columns, wrapped lines, long dimensions summarised at their edges.

import { alias, copyInto, empty } from '../ops/raw.ts';
import { dataSync } from '../ops/read.ts';
import { ValueError } from '../runtime/errors.ts';
import { type ElementFormat, elementFormat } from './print-numbers.ts';
import type { Tensor } from './tensor.ts';

/** How tensors print. */
export interface PrintOptions {
  /** Digits behind the point. */
  precision: number;
  /** Tensors of more elements are summarised. */
  threshold: number;
  /** Items shown at each end of a summarised dimension. */
  edgeItems: number;
  /** Columns of a line. */
  lineWidth: number;
  /** Scientific notation always (true), never (false), or when the range asks for it (null). */
  sciMode: boolean | null;
}

const profiles = {
  default: { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80 },
  short: { precision: 2, threshold: 1000, edgeItems: 2, lineWidth: 80 },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeItems: 3, lineWidth: 80 },
} as const;

const options: PrintOptions = { ...profiles.default, sciMode: null };

/**
 * Sets how tensors print; what is not named stays. `profile` ('default', 'short' or 'full') sets all of them first, and notation back to
 * automatic. ValueError for an unknown profile or numbers that make no sense.
 */
export function setPrintOptions({ profile, ...own }: Partial<PrintOptions> & { profile?: keyof typeof profiles } = {}): void {
  if (profile !== undefined && !Object.hasOwn(profiles, profile))
    throw new ValueError(`setPrintOptions: there is no profile '${profile}'; use ${Object.keys(profiles).join(', ')}`);
  const base = profile === undefined ? options : { ...profiles[profile], sciMode: null };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const next: PrintOptions = { ...base, ...given };
  for (const [name, least, most] of [
    ['precision', 0, 60],
    ['threshold', 0, Number.POSITIVE_INFINITY],
    ['edgeItems', 0, Number.POSITIVE_INFINITY],
    ['lineWidth', 1, Number.POSITIVE_INFINITY],
  ] as const) {
    const value = next[name];
    if (!(value >= least && value <= most && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY)))
      throw new ValueError(`setPrintOptions: ${name} is ${value}; a whole number of at least ${least} was expected`);
  }
  Object.assign(options, next);
}

/** The text of a tensor. */
export function format(x: Tensor): string {
  const indent = 'tensor('.length;
  const isDefault = x.dtype === 'float32' || x.dtype === 'int64' || x.dtype === 'bool';
  const suffixes: string[] = [];
  let body = '[]';
  if (x.numel === 0) {
    if (x.ndim !== 1) suffixes.push(`size=[${x.shape.join(', ')}]`);
    if (x.dtype !== 'float32') suffixes.push(`dtype=${x.dtype}`); // there is no element to tell it by
  } else {
    if (!isDefault) suffixes.push(`dtype=${x.dtype}`);
    body = new Layout(x).text(indent);
  }
  if (x.node !== null) suffixes.push(`gradFn=<${x.node.name}>`);
  else if (x.requiresGrad) suffixes.push('requiresGrad=true');
  return withSuffixes(`tensor(${body}`, suffixes, indent);
}

// A suffix that the last line has no room for goes on a line of its own.
function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let out = text;
  let last = text.length - text.lastIndexOf('\n') + 1;
  for (const suffix of suffixes) {
    const fits = last + suffix.length + 2 <= options.lineWidth;
    out += fits ? `, ${suffix}` : `,\n${' '.repeat(indent)}${suffix}`;
    last = fits ? last + suffix.length + 2 : indent + suffix.length;
  }
  return `${out})`;
}

/** The elements of a tensor that are shown, and how they are arranged. */
class Layout {
  readonly #shape: readonly number[];
  readonly #cut: readonly boolean[];
  readonly #values: ArrayLike<number | bigint>;
  readonly #format: ElementFormat;

  constructor(x: Tensor) {
    const summarise = x.numel > options.threshold;
    this.#cut = x.shape.map((size) => summarise && size > 2 * options.edgeItems);
    const shown = edges(x, this.#cut);
    this.#shape = shown.shape;
    this.#values = dataSync(shown) as ArrayLike<number | bigint>;
    if (shown !== x) shown.dispose();
    this.#format = elementFormat(Array.from(this.#values), x.dtype, options);
  }

  text(indent: number): string {
    return this.#shape.length === 0 ? this.#format.text(this.#values[0]) : this.#block(0, 0, indent);
  }

  // The part that begins at element `at`, from dimension `d` on.
  #block(d: number, at: number, indent: number): string {
    const size = this.#shape[d];
    const last = d === this.#shape.length - 1;
    const step = this.#shape.slice(d + 1).reduce((a, b) => a * b, 1);
    const parts = Array.from({ length: size }, (_, i) =>
      last ? this.#format.text(this.#values[at + i]) : this.#block(d + 1, at + i * step, indent + 1),
    );
    if (this.#cut[d]) parts.splice(size / 2, 0, last && size > 0 ? ' ...' : '...');
    if (!last) return `[${parts.join(`,${'\n'.repeat(this.#shape.length - d - 1)}${' '.repeat(indent + 1)}`)}]`;
    const perLine = Math.max(1, Math.floor((options.lineWidth - indent) / (this.#format.width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
  }
}

/** `x` with only the edge items of the dimensions that are cut: little is copied of a large tensor. */
function edges(x: Tensor, cut: readonly boolean[]): Tensor {
  const n = options.edgeItems;
  let from = x;
  cut.forEach((short, d) => {
    if (!short) return;
    const shape = from.shape.map((size, k) => (k === d ? 2 * n : size));
    const part = shape.map((size, k) => (k === d ? n : size));
    const out = empty(shape, x.dtype);
    for (const [to, at] of [
      [0, 0],
      [n, from.shape[d] - n],
    ]) {
      const [target, source] = [
        alias(out, part, out.strides, to * out.strides[d]),
        alias(from, part, from.strides, from.offset + at * from.strides[d]),
      ];
      copyInto(target, source);
      target.dispose();
      source.dispose();
    }
    if (from !== x) from.dispose();
    from = out;
  });
  return from;
}
