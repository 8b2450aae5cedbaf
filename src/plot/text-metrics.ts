// Measures text without a canvas: advance widths of the Helvetica family, which Arial and Liberation Sans share.
// Vega's own estimate without a canvas (0.8 em a character) is half as wide again and pushes labels away from their axes.

// Advance widths in 1/1000 em, characters grouped by width. Source: the Adobe font metrics of Helvetica.
const groups: readonly (readonly [number, string])[] = [
  [191, "'"],
  [222, 'ijl'],
  [260, '|'],
  [278, ' !,./:;I[\\]ft·'],
  [333, '()-r`'],
  [334, '{}'],
  [355, '"'],
  [389, '*'],
  [469, '^'],
  [500, 'ckvxyzJs'],
  [556, '#$0123456789?L_abdeghnopqu–'],
  [584, '+<=>~−×'],
  [611, 'FTZ'],
  [667, '&ABEKPSVXY'],
  [722, 'CDHNRUw'],
  [778, 'GOQ'],
  [833, 'Mm'],
  [889, '%'],
  [944, 'W'],
  [1000, '—…'],
  [1015, '@'],
];
const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹⁻';

const advance = new Map<string, number>(
  groups.flatMap(([width, characters]) => [...characters].map((character) => [character, width] as const)),
);
for (const character of superscripts) advance.set(character, 340);

/** Width in pixels of one line of `text` at `fontSize` pixels; bold letters run about 6 % wider. */
export function textWidth(text: string, fontSize: number, bold = false): number {
  let units = 0;
  for (const character of text) units += advance.get(character) ?? (character.codePointAt(0)! >= 0x2e80 ? 1000 : 556);
  return (units / 1000) * fontSize * (bold ? 1.06 : 1);
}

interface TextItem {
  text?: unknown;
  fontSize?: number | null;
  fontWeight?: string | number | null;
}

interface VegaTextMetrics {
  width: (item: TextItem, text: string) => number;
  estimateWidth: unknown;
}

/** Gives Vega this measure when it has no canvas to ask. */
export function installTextMetrics(vega: object): void {
  const metrics = (vega as { textMetrics?: VegaTextMetrics }).textMetrics;
  if (metrics === undefined || metrics.width !== metrics.estimateWidth) return;
  metrics.width = (item, text) => {
    const line = text ?? item.text;
    const bold = item.fontWeight === 'bold' || Number(item.fontWeight) >= 600;
    return line === undefined || line === null ? 0 : textWidth(String(line), item.fontSize ?? 11, bold);
  };
}
