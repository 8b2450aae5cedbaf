// The parts of the report's page, each a function from the record to HTML.
import {
  colorOfSeries,
  type Figure,
  formatMetric,
  formatSeconds,
  kindOfSeries,
  lineFigure,
  pngDataUri,
  readableName,
} from '../plot/index.ts';
import { type Html, html, raw } from './html.ts';
import { type Confusion, type Curve, finalMetrics, type RunImage, type RunRecord } from './run-record.ts';

/** One sentence with the final numbers: what ran, on what, how far it came, how long it took. */
export function summarySentence(run: RunRecord): Html {
  const metrics = Object.entries(finalMetrics(run));
  const accuracy = metrics.filter(([name]) => kindOfSeries(name) === 'accuracy').at(-1);
  const losses = metrics.filter(([name]) => kindOfSeries(name) === 'loss');
  const loss = losses.find(([name]) => !/^train/.test(name)) ?? losses[0];
  const numbers: Html[] = [];
  if (accuracy) numbers.push(html`${fullName(accuracy[0])} <strong>${percent(accuracy[1])}</strong>`);
  if (loss) numbers.push(html`${fullName(loss[0])} <strong>${formatMetric(loss[1])}</strong>`);
  const rest = metrics.filter((entry) => entry !== accuracy && kindOfSeries(entry[0]) !== 'loss');
  for (const [name, value] of rest.slice(0, 3 - numbers.length))
    numbers.push(html`${fullName(name)} <strong>${formatMetric(value)}</strong>`);
  const epochs = run.epochs.length;
  const length = epochs === 0 ? '' : `${epochs} epoch${epochs === 1 ? '' : 's'}`;
  const source = { real: '', 'stand-in': 'a stand-in for ', generated: '', unknown: '' }[run.data.source];
  const head =
    run.status === 'diverged' ? 'Training diverged' : run.status === 'stopped' ? 'Stopped early' : length === '' ? 'Ran' : 'Trained';
  const threads = Number(run.settings['threads']);
  const where =
    run.settings['device'] === undefined
      ? ''
      : ` on ${run.settings['device']}${threads > 0 ? ` with ${threads} thread${threads === 1 ? '' : 's'}` : ''}`;
  return html`${head}${length && (run.status === 'completed' ? ` for ${length}` : ` after ${length}`)} on ${source}${run.data.name}${numbers.length > 0 ? ': ' : ''}${joinWith(numbers)}. It took <strong>${formatSeconds(run.timings.totalSeconds)}</strong>${where}.`;
}

/** Things a reader must know before trusting the numbers. */
export function warningsSection(run: RunRecord): Html {
  if (run.warnings.length === 0) return html``;
  return html`<aside class="note" aria-label="Warnings">${run.warnings.map((warning) => html`<p>${warning}</p>`)}</aside>`;
}

/** Curves grouped by training and kind (loss, accuracy, …), one figure for each. */
export function curveFigures(curves: readonly Curve[]): { title: string; caption: string; figure: Figure }[] {
  const kinds = new Map<string, Curve[]>();
  for (const curve of curves) {
    if (curve.points.length === 0) continue;
    const key = [kindOfSeries(curve.name), curve.group ?? ''].join('\n');
    kinds.set(key, [...(kinds.get(key) ?? []), curve]);
  }
  const figsize = kinds.size > 1 ? ([3.62, 2.65] as const) : ([4.7, 3] as const);
  const end = curves.flatMap(({ points }) => points).reduce((max, { x }) => (Number.isFinite(x) ? Math.max(max, x) : max), 0);
  return [...kinds.values()].map((group) => {
    const [first] = group as [Curve];
    const kind = kindOfSeries(first.name);
    let turn = 3;
    const series = group.map(({ name, points }) => {
      const sparse = points.length <= 30;
      return { name: readableName(name), points, format: `C${colorOfSeries(name, turn++) % 10}-${sparse ? 'o' : ''}` };
    });
    const title = kind.charAt(0).toUpperCase() + kind.slice(1) + (first.group === undefined ? '' : `, ${first.group}`);
    const last = group.map(({ name, points }) => `${readableName(name)} ${formatMetric(points.at(-1)?.y ?? Number.NaN)}`).join(', ');
    return {
      title,
      caption: `at the end: ${last}`,
      figure: lineFigure(series, {
        xlabel: 'epoch',
        ylabel: kind,
        yscale: first.yscale,
        figsize,
        ...(end > 0 && { xlim: [0, end] as const }),
      }),
    };
  });
}

/** Figures side by side, numbered. A figure that cannot be drawn says why and leaves the rest of the page alone. */
export async function figuresSection(run: RunRecord): Promise<Html> {
  const all = [...curveFigures(run.curves), ...(run.figures ?? [])];
  if (all.length === 0) return html``;
  const parts: Html[] = [];
  for (const [i, { title, caption, figure }] of all.entries()) {
    const picture = await figure
      .toSVG({ style: false })
      .then(raw, (error: Error) => html`<p class="small">This figure could not be drawn: ${error.message}</p>`);
    parts.push(html`<figure>${picture}<figcaption><b>Figure ${i + 1}.</b> ${title}${caption ? `; ${caption}` : ''}.</figcaption></figure>`);
  }
  return html`<div class="figures">${parts}</div>`;
}

/** Test images with the prediction; the truth stands below where the two differ. */
export function imagesSection(images: readonly RunImage[] = []): Html {
  if (images.length === 0) return html``;
  const right = images.filter((image) => image.correct).length;
  const items = images.map((image) => {
    const { predicted, truth, correct } = image;
    return html`<li class="${correct ? 'right' : 'wrong'}"><img src="${dataUri(image)}" width="${image.width}" height="${image.height}" alt="${correct ? truth : `${truth}, taken for ${predicted}`}"><span class="predicted"><span class="mark" style="display:inline" aria-label="${correct ? 'right' : 'wrong'}">${correct ? '✓' : '✗'}</span> ${predicted}</span>${!correct && html`<span class="truth">is ${truth}</span>`}</li>`;
  });
  return html`<h2>What it sees</h2><ul class="images">${items}</ul><p class="small">${right} of these ${images.length} held-out images are classified correctly. A cross marks a mistake, with the true class below it.</p>`;
}

/** Which classes are taken for which: a table of counts, darker where more images fall, with each class's share of hits. */
export function confusionSection({ labels, counts }: Confusion = { labels: [], counts: [] }): Html {
  if (labels.length === 0) return html``;
  const rows = counts.map((row, i) => {
    const all = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, j) => {
      const share = all === 0 ? 0 : n / all;
      const kind = i === j ? 'hit' : 'miss';
      return html`<td class="n ${kind}" style="--share:${share.toFixed(3)}" title="${labels[i]} taken for ${labels[j]}: ${n}">${n > 0 && n}</td>`;
    });
    return html`<tr><th scope="row">${labels[i]}</th>${cells}<td class="n share">${all > 0 && `${((100 * row[i]!) / all).toFixed(0)} %`}</td></tr>`;
  });
  const heads = labels.map((label) => html`<th class="n" scope="col"><span>${label}</span></th>`);
  return html`<h2>What it confuses</h2><div class="scroll"><table class="confusion"><thead><tr><th></th>${heads}<th class="n">right</th></tr></thead><tbody>${rows}</tbody></table></div><p class="small">Rows are the true classes, columns what the model said; counts of held-out images.</p>`;
}

export function modelSection(run: RunRecord): Html {
  const rows = run.summary ?? [];
  if (rows.length === 0) return html``;
  const total = rows.reduce((sum, row) => sum + row.parameters, 0);
  const body = rows.map(
    ({ layer, outputShape, parameters }) =>
      html`<tr><td>${layer}</td><td>${outputShape.join(' × ')}</td><td class="n${parameters === 0 ? ' quiet' : ''}">${grouped(parameters)}</td></tr>`,
  );
  return html`<h2>Model</h2><div class="scroll"><table><thead><tr><th>Layer</th><th>Output shape</th><th class="n">Parameters</th></tr></thead><tbody>${body}</tbody><tfoot><tr><td>Total</td><td></td><td class="n">${grouped(total)}</td></tr></tfoot></table></div>`;
}

export function epochsSection(run: RunRecord): Html {
  const names = [...new Set(run.epochs.flatMap(({ metrics }) => Object.keys(metrics)))];
  if (run.epochs.length === 0) return html``;
  const best = new Map(names.map((name) => [name, bestOf(run, name)]));
  const body = run.epochs.map(({ epoch, metrics, seconds }) => {
    const cells = names.map((name) => {
      const value = metrics[name];
      return html`<td class="n${value !== undefined && value === best.get(name) ? ' best' : ''}">${value === undefined ? '–' : formatMetric(value)}</td>`;
    });
    return html`<tr><td>${epoch}</td>${cells}<td class="n quiet">${formatSeconds(seconds)}</td></tr>`;
  });
  return html`<h2>Epoch by epoch</h2><div class="scroll"><table><thead><tr><th>Epoch</th>${names.map((name) => html`<th class="n">${readableName(name)}</th>`)}<th class="n">time</th></tr></thead><tbody>${body}</tbody></table></div>${run.epochs.length > 1 && html`<p class="small">The best value of each column is set in bold.</p>`}`;
}

export function settingsSection(run: RunRecord): Html {
  const { data, timings } = run;
  const examples = [
    data.trainExamples && `${grouped(data.trainExamples)} to train on`,
    data.validationExamples && `${grouped(data.validationExamples)} to validate`,
  ]
    .filter(Boolean)
    .join(', ');
  const source = {
    real: 'real data',
    'stand-in': 'procedural stand-in',
    generated: 'generated by the lesson',
    unknown: 'source not recorded',
  }[data.source];
  const entries: [string, string | undefined][] = [
    ...Object.entries(run.settings).map(([name, value]): [string, string] => [readableName(name), String(value)]),
    ['data', `${data.name}, ${source}`],
    ['source', data.detail],
    ['examples', examples || undefined],
    ['started', run.startedAt.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC')],
    ['duration', formatSeconds(timings.totalSeconds)],
    ['training alone', timings.trainSeconds === undefined ? undefined : formatSeconds(timings.trainSeconds)],
    [
      'speed',
      timings.examplesPerSecond
        ? `${grouped(Math.round(timings.examplesPerSecond))} examples/s`
        : timings.stepsPerSecond
          ? `${timings.stepsPerSecond.toFixed(1)} steps/s`
          : undefined,
    ],
    ['version', run.version],
  ];
  return html`<h2>Settings</h2><dl>${entries.map(([name, value]) => value !== undefined && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** The command that makes the same numbers again. */
export function repeatSection(run: RunRecord): Html {
  const { seed, epochs } = run.settings;
  const options = [epochs !== undefined && `--epochs ${epochs}`, seed !== undefined && `--seed ${seed}`].filter(Boolean).join(' ');
  return html`<h2>Run it again</h2><pre>npx fathom run ${run.lesson.name} ${options}</pre>`;
}

function bestOf(run: RunRecord, name: string): number | undefined {
  const values = run.epochs.flatMap(({ metrics }) => (Number.isFinite(metrics[name]) ? [metrics[name]!] : []));
  if (values.length < 2) return undefined;
  return kindOfSeries(name) === 'accuracy' ? Math.max(...values) : kindOfSeries(name) === 'loss' ? Math.min(...values) : undefined;
}

function dataUri({ pixels, width, height, channels = 1 }: RunImage): string {
  let high = 0;
  for (let i = 0; i < pixels.length; i++) high = Math.max(high, pixels[i]!);
  const scale = high <= 1 && !(pixels instanceof Uint8Array) ? 255 : 1;
  return pngDataUri({ width, height, channels, data: Uint8ClampedArray.from(pixels, (value) => value * scale) });
}

/** 'val_acc' -> 'validation accuracy'. */
function fullName(name: string): string {
  const long: Record<string, string> = { val: 'validation', acc: 'accuracy', train: 'training' };
  return readableName(name)
    .split(' ')
    .map((word) => long[word] ?? word)
    .join(' ');
}

function joinWith(parts: readonly Html[]): Html {
  return raw(parts.map((part, i) => (i === 0 ? '' : i === parts.length - 1 ? ' and ' : ', ') + part.text).join(''));
}

function percent(value: number): string {
  return value >= 0 && value <= 1 ? `${(value * 100).toFixed(1)} %` : formatMetric(value);
}

// Thin spaces between groups of three digits.
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}
