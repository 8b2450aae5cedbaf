// A figure: a Vega-Lite specification with a size, rendered to SVG anywhere (no DOM, no canvas), or handed on as it is to notebooks.
import { ValueError } from '../runtime/errors.ts';
import { installTextMetrics } from './text-metrics.ts';
import { darkStyle, themeConfig } from './theme.ts';

/** A Vega-Lite view as plain JSON. */
export type VegaLiteSpec = Readonly<Record<string, unknown>>;

export interface FigureOptions {
  /** Outer width in CSS pixels. */
  width?: number;
  /** Outer height in CSS pixels. */
  height?: number;
  /** What the figure shows, in words: the text alternative of the SVG. */
  description?: string;
}

export interface SvgOptions {
  /** Leave out the style sheet for dark pages, for a page that holds several figures and carries `figureStyle()` once. */
  style?: boolean;
}

const schema = 'https://vega.github.io/schema/vega-lite/v5.json';

export class Figure {
  readonly width: number;
  readonly height: number;
  readonly description: string;
  readonly #spec: VegaLiteSpec;

  constructor(spec: VegaLiteSpec, { width = 336, height = 240, description = '' }: FigureOptions = {}) {
    for (const [name, size] of [
      ['width', width],
      ['height', height],
    ] as const) {
      if (!(size >= 16 && size <= 16384)) throw new ValueError(`Figure: ${name} is ${size}; expected 16 to 16384 pixels`);
    }
    this.width = width;
    this.height = height;
    this.description = description;
    this.#spec = spec;
  }

  /** The complete Vega-Lite specification, data and theme included: what a notebook or a page with vega-embed shows. */
  toVegaLite(): VegaLiteSpec {
    const { config, ...view } = this.#spec;
    return {
      $schema: schema,
      ...(this.description !== '' && { description: this.description }),
      width: this.width,
      height: this.height,
      autosize: { type: 'fit', contains: 'padding' },
      ...view,
      config: { ...themeConfig(), ...(config as object | undefined) },
    };
  }

  /** The figure as an SVG document that reads well on light and dark pages and can be inlined into HTML. */
  async toSVG({ style = true }: SvgOptions = {}): Promise<string> {
    const [vega, vegaLite] = await loadVega();
    type Spec = Parameters<typeof vegaLite.compile>[0];
    const quiet = { level: () => quiet, error: fail, warn: () => quiet, info: () => quiet, debug: () => quiet };
    const compiled = vegaLite.compile(this.toVegaLite() as unknown as Spec, { logger: quiet as never });
    const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logger: quiet as never });
    try {
      return dress(await view.toSVG(), this.description, style);
    } finally {
      view.finalize();
    }
  }

  /** Writes the figure; the ending of `path` says how: `.svg`, or `.vl.json` (or `.json`) for the specification. Node only. */
  async save(path: string): Promise<void> {
    let text: string;
    if (path.endsWith('.svg')) text = await this.toSVG();
    else if (path.endsWith('.json')) text = `${JSON.stringify(this.toVegaLite(), null, 1)}\n`;
    else throw new ValueError(`Figure.save: '${path}' ends in neither .svg nor .vl.json; choose one of the two`);
    const { writeFileAtomic } = await import('../io/files.ts');
    await writeFileAtomic(path, text);
  }

  /** Jupyter kernels show this: the specification, live in the notebook. */
  [Symbol.for('Jupyter.display')](): Record<string, unknown> {
    return { 'application/vnd.vegalite.v5+json': this.toVegaLite() };
  }
}

/** The style sheet of figures rendered with `{ style: false }`. */
export function figureStyle(): string {
  return darkStyle();
}

type Vega = [typeof import('vega'), typeof import('vega-lite')];
let loading: Promise<Vega> | undefined;

// About half a second to load, so nothing loads them before the first figure is drawn.
function loadVega(): Promise<Vega> {
  loading ??= Promise.all([import('vega'), import('vega-lite')]).then((modules): Vega => {
    installTextMetrics(modules[0]);
    return modules;
  });
  return loading;
}

function fail(...messages: unknown[]): never {
  throw new Error(`Figure: ${messages.map(String).join(' ')}`);
}

// Adds class, text alternative and style, and makes ids unique: several figures may share one HTML page.
function dress(svg: string, description: string, style: boolean): string {
  const prefix = `f${hash(svg)}`;
  const label = description === '' ? '' : ` aria-label="${escapeXml(description)}"`;
  return svg
    .replace(/\bid="([^"]+)"/g, `id="${prefix}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}-$1)`)
    .replace(/<svg ([^>]*?)class="marks"/, `<svg $1class="fathom-figure" role="img"${label}`)
    .replace(/(<svg [^>]*>)/, style ? `$1<style>${darkStyle()}</style>` : '$1');
}

// FNV-1a: deterministic, so the same figure gives the same bytes.
function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);
}
