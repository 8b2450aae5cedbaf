// How one element of a printed tensor looks: the choice between whole, fixed and scientific notation for all of them together, the
// common width, and rounding to even as PyTorch's printing has it.

import { type DType, isFloating } from './dtype.ts';

/** The text of one element, padded to the width of all. */
export interface ElementFormat {
  readonly width: number;
  text(value: number | bigint): string;
}

/**
 * Chooses one format for all the elements shown. Floats are scientific when the largest is over 1e8, the smallest under 1e-4 or the
 * two a thousand times apart (`sciMode` decides when it is a boolean); whole numbers end in a point. Zeros, nan and infinities
 * have no part in the choice.
 */
export function elementFormat(
  values: readonly (number | bigint)[],
  dtype: DType,
  { precision, sciMode }: { precision: number; sciMode: boolean | null },
): ElementFormat {
  if (dtype === 'bool')
    return padded(
      values.map((v) => boolText(v)),
      boolText,
    );
  if (!isFloating(dtype)) return padded(values.map(String), String);
  const telling = values.map(Number).filter((v) => Number.isFinite(v) && v !== 0);
  if (telling.length === 0) return padded([], wholeText);
  let [largest, smallest] = [0, Number.POSITIVE_INFINITY];
  for (const v of telling) {
    largest = Math.max(largest, Math.abs(v));
    smallest = Math.min(smallest, Math.abs(v));
  }
  const scientific = sciMode ?? (largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4);
  const text = scientific
    ? (v: number) => scientificText(v, precision)
    : telling.every(Number.isInteger)
      ? wholeText
      : (v: number) => fixedText(v, precision);
  return padded(telling.map(text), (v) => text(Number(v)));
}

function padded(texts: readonly string[], text: (value: number) => string): ElementFormat {
  const width = texts.reduce((most, t) => Math.max(most, t.length), 1);
  return { width, text: (value) => text(value as number).padStart(width) };
}

const boolText = (v: number | bigint): string => (Number(v) !== 0 ? 'true' : 'false');

const odd = (v: number): string | undefined => (Number.isNaN(v) ? 'nan' : Number.isFinite(v) ? undefined : v > 0 ? 'inf' : '-inf');

const sign = (v: number): string => (v < 0 || Object.is(v, -0) ? '-' : '');

function wholeText(value: number): string {
  const v = Number(value);
  // Written digit by digit: from 1e21 on, String would switch to an exponent.
  return odd(v) ?? `${sign(v)}${Math.abs(v) < 1e21 ? Math.abs(v) : BigInt(Math.abs(v))}.`;
}

function fixedText(v: number, precision: number): string {
  const special = odd(v);
  if (special !== undefined) return special;
  const size = Math.abs(v);
  if (size >= 1e21) return `${sign(v)}${BigInt(size)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
  return sign(v) + toEven(size.toFixed(precision), size.toFixed(Math.min(100, precision + tail)), precision);
}

function scientificText(v: number, precision: number): string {
  const special = odd(v);
  if (special !== undefined) return special;
  const size = Math.abs(v);
  const [mantissa, exponent] = size.toExponential(precision).split('e') as [string, string];
  const [long] = size.toExponential(Math.min(100, precision + tail)).split('e') as [string];
  return `${sign(v)}${toEven(mantissa, long, precision)}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

// Digits beyond the precision that tell a tie from its neighbours: a double has 17 of them.
const tail = 25;

/** JavaScript rounds an exact half up, C and PyTorch to the even digit: takes the rounded text back where that differs. */
function toEven(rounded: string, long: string, precision: number): string {
  const at = long.indexOf('.') + 1 + precision;
  if (!/^50*$/.test(long.slice(at))) return rounded;
  const cut = precision === 0 ? long.slice(0, at - 1) : long.slice(0, at);
  return Number(cut.at(-1)) % 2 === 0 ? cut : rounded;
}
