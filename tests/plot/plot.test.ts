// Figures: what `plot` and its relatives accept, what the specification says, and that the SVG is sound.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bar, Figure, heatmap, histogram, lineFigure, plot, scatter, setFigsize } from '../../src/plot/index.ts';
import { textWidth } from '../../src/plot/text-metrics.ts';
import { palette, parseFormat } from '../../src/plot/theme.ts';

type Row = { i: number; s: string; x: number | null; y: number | null };
const rowsOf = (figure: Figure) => (figure.toVegaLite()['data'] as { values: Row[] }).values;
const tensor = (value: unknown) => ({ toArraySync: () => value });

describe('plot: input', () => {
  test('Y alone is drawn over 0, 1, 2', () => {
    expect(rowsOf(plot([5, 6, 7])).map(({ x, y }) => [x, y])).toEqual([
      [0, 5],
      [1, 6],
      [2, 7],
    ]);
  });

  test('arrays, typed arrays, tensors and mixtures give the same figure', () => {
    const spec = JSON.stringify(
      plot(
        [1, 2, 3],
        [
          [4, 5, 6],
          [7, 8, 9],
        ],
      ).toVegaLite(),
    );
    const same = [
      plot(new Float32Array([1, 2, 3]), [new Int32Array([4, 5, 6]), [7, 8, 9]]),
      plot(
        tensor([1, 2, 3]),
        tensor([
          [4, 5, 6],
          [7, 8, 9],
        ]),
      ),
      plot([tensor(1), 2, 3n] as never, [tensor([4, 5, 6]), new Float64Array([7, 8, 9])]),
      plot(tensor([1, 2, 3]), [tensor([[4], [5], [6]]), [7, 8, 9]]),
    ];
    for (const figure of same) expect(JSON.stringify(figure.toVegaLite())).toBe(spec);
  });

  test('lengths that disagree are a ShapeError naming both', () => {
    expect(() => plot([1, 2], [1, 2, 3])).toThrow(/X: sequence 0 has 2 elements and Y's has 3/);
    expect(() =>
      plot(
        [[1], [2]],
        [[1], [2], [3]].map((row) => [...row, 0]),
      ),
    ).toThrow(/X: has 2 sequences and Y has 3/);
  });

  test('text, null and undefined among the numbers are a DTypeError', () => {
    expect(() => plot(['a'] as never)).toThrow(/X: found the text "a"/);
    expect(() => plot([1, null] as never)).toThrow(/X: found null/);
  });

  test('an unknown format, scale or limit is one line that says what is allowed', () => {
    expect(() => plot([1], null, { fmts: ['q--'] })).toThrow(/fmts\[0\]: 'q--' is not a line format/);
    expect(() => plot([1], null, { xscale: 'cubic' as never })).toThrow(/xscale: unknown scale 'cubic'; use 'linear' or 'log'/);
    expect(() => plot([1], null, { ylim: [0, Number.NaN] })).toThrow(/ylim/);
    expect(() =>
      plot(
        [
          [1, 2],
          [3, 4],
        ],
        null,
        { legend: ['a', 'a'] },
      ),
    ).toThrow(/'a' names two lines/);
  });

  test('NaN, infinities, and values without a logarithm leave gaps', () => {
    expect(rowsOf(plot([1, Number.NaN, Number.POSITIVE_INFINITY, 4])).map(({ y }) => y)).toEqual([1, null, null, 4]);
    expect(rowsOf(plot([1, 0, -1, 4], null, { yscale: 'log' })).map(({ y }) => y)).toEqual([1, null, null, 4]);
  });

  test('no points at all still give a figure', async () => {
    expect(await plot([]).toSVG()).toContain('</svg>');
    expect(await lineFigure([]).toSVG()).toContain('</svg>');
    expect(await plot([Number.NaN], null, { yscale: 'log' }).toSVG()).toContain('</svg>');
  });
});

describe('formats', () => {
  test('colour, line and marker in any order', () => {
    expect(parseFormat('C1--', 0)).toEqual({ color: palette[1], dash: [7, 4], marker: null });
    expect(parseFormat('--C1', 0)).toEqual(parseFormat('C1--', 0));
    expect(parseFormat('', 2)).toEqual({ color: palette[2], dash: [], marker: null });
    expect(parseFormat('o', 0)).toMatchObject({ dash: null, marker: 'circle' });
    expect(parseFormat('g-.', 0).dash).toHaveLength(4);
    expect(parseFormat('k:', 0).dash).toEqual([1.5, 3]);
    expect(parseFormat('ro-', 0)).toMatchObject({ dash: [], marker: 'circle' });
  });
});

describe('Figure', () => {
  test('SVG: size, class, text alternative, unique ids, dark style, no outside resource', async () => {
    const figure = plot(
      [0, 1, 2],
      [
        [1, 2, 3],
        [3, 2, 1],
      ],
      { xlabel: 'x <&>', ylabel: 'f(x)', legend: ['up', 'down'], xlim: [0.5, 1.5] },
    );
    const svg = await figure.toSVG();
    expect(svg).toMatch(/^<svg [^>]*class="fathom-figure" role="img" aria-label="f\(x\) over x &lt;&amp;&gt;; lines: up, down"/);
    expect(svg).toContain('width="336" height="240"');
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('stroke-dasharray="7,4"');
    expect(svg).toContain('>up</text>');
    for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(svg).toContain(`id="${id}"`);
    expect(svg.replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:|NaN|undefined/);
    expect(await figure.toSVG({ style: false })).not.toContain('<style>');
  });

  test('the same figure gives the same bytes', async () => {
    expect(await plot([1, 2]).toSVG()).toBe(await plot([1, 2]).toSVG());
  });

  test('logarithmic axes are labelled with powers of ten', async () => {
    const svg = await plot([1e-3, 1, 1e3], [1e-6, 1, 10], { xscale: 'log', yscale: 'log' }).toSVG();
    expect(svg).toContain('>10⁻³</text>');
    expect(svg).toContain('>10⁻⁶</text>');
  });

  test('setFigsize sets the size of later figures', () => {
    setFigsize([5, 3]);
    expect(plot([1]).width).toBe(480);
    setFigsize();
    expect(plot([1]).width).toBe(336);
    expect(() => setFigsize([1] as never)).toThrow(/figsize/);
  });

  test('save writes .svg and .vl.json, whole and without leftovers; other endings are refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'figure-'));
    const figure = plot([1, 2, 3]);
    await figure.save(join(folder, 'a.svg'));
    await figure.save(join(folder, 'a.vl.json'));
    expect((await readdir(folder)).sort()).toEqual(['a.svg', 'a.vl.json']);
    expect(JSON.parse(await readFile(join(folder, 'a.vl.json'), 'utf8'))).toMatchObject({
      $schema: expect.stringContaining('vega-lite'),
      width: 336,
    });
    await expect(figure.save(join(folder, 'a.png'))).rejects.toThrow(/neither .svg nor .vl.json/);
    await rm(folder, { recursive: true });
  });

  test('a specification that Vega-Lite refuses rejects instead of drawing nonsense', async () => {
    await expect(new Figure({ data: { values: [] }, mark: 'nonsense' }).toSVG()).rejects.toThrow();
    expect(() => new Figure({}, { width: 0 })).toThrow(/width is 0/);
  });

  test('text is measured near its true width', () => {
    // Liberation Sans at 11 px, measured in a browser: 60.5 and 41.6 pixels.
    expect(textWidth('Hello, World', 11)).toBeCloseTo(62, -1);
    expect(textWidth('0.000', 10)).toBeCloseTo(25.02, 1);
  });
});

describe('charts', () => {
  test('histogram: counts add up, ends included, values that are not finite left out', () => {
    const figure = histogram([0, 0.5, 1, Number.NaN], { bins: 2 });
    const rows = (figure.toVegaLite()['data'] as { values: { count: number }[] }).values;
    expect(rows.map(({ count }) => count)).toEqual([1, 2]);
    expect(() => histogram([1], { bins: 0 })).toThrow(/bins: is 0/);
  });

  test('all of them draw', async () => {
    const figures = [
      scatter([1, 2], [3, 4]),
      bar(['a', 'b'], [1, 2]),
      histogram([1, 1, 1]),
      histogram([]),
      heatmap(
        [
          [0.1, 0.9],
          [0.5, Number.NaN],
        ],
        { rowLabels: ["l'un", 'b'] },
      ),
    ];
    for (const figure of figures) expect(await figure.toSVG()).toMatch(/<\/svg>$/);
  });

  test('sizes that disagree say so', () => {
    expect(() => bar(['a'], [1, 2])).toThrow(/labels: has 1 names for 2 heights/);
    expect(() => heatmap([[1, 2], [3]])).toThrow(/row 1 has 1 elements, row 0 has 2/);
    expect(() => scatter([1], [1, 2])).toThrow(/group 0 has 1 points/);
  });
});
