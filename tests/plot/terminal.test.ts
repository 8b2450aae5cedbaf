// The terminal view: charts as text, redrawing in place, plain lines for logs.
import { describe, expect, test } from 'vitest';
import { type ProgressSink, type TextStream, terminalChart, terminalProgress } from '../../src/plot/index.ts';
import { colorOfSeries, formatMetric, formatSeconds, kindOfSeries, readableName } from '../../src/plot/progress.ts';
import { progressBar, TerminalBoard } from '../../src/plot/terminal-board.ts';
import { displayWidth, fitWidth } from '../../src/plot/terminal-chart.ts';

class Screen implements TextStream {
  isTTY = true;
  columns = 80;
  rows = 24;
  text = '';
  write(text: string): void {
    this.text += text;
  }
  /** What a terminal would show: understands line feeds, cursor up, and the two erasing sequences in use. */
  get lines(): string[] {
    const lines: string[] = [''];
    let row = 0;
    let column = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    for (const piece of this.text.match(/\x1b\[[0-9;?]*[A-Za-z]|[\s\S]/g) ?? []) {
      if (piece.startsWith('\x1b[') && piece.endsWith('A')) row -= Number(piece.slice(2, -1));
      else if (piece === '\x1b[J') {
        lines.length = row + 1;
        lines[row] = lines[row]!.slice(0, column);
      } else if (piece === '\x1b[K') lines[row] = lines[row]!.slice(0, column);
      else if (piece === '\r') column = 0;
      else if (piece === '\n') {
        row++;
        column = 0;
        lines[row] ??= '';
      } else if (!piece.startsWith('\x1b')) {
        lines[row] = lines[row]!.slice(0, column).padEnd(column) + piece + lines[row]!.slice(column + 1);
        column++;
      }
      if (row < 0) throw new Error('the cursor left the top of the screen');
    }
    return lines;
  }
}

function play(sink: ProgressSink, { epochs = 3, steps = 4, clock = { t: 0 } } = {}): void {
  sink.start({ title: 'LeNet', epochs, stepsPerEpoch: steps, settings: { device: 'wasm', lr: 0.1 } });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let step = 1; step <= steps; step++) {
      clock.t += 1;
      sink.step({ epoch, step, metrics: { train_loss: 1 / (epoch + step / steps) } });
      sink.point({ series: 'train_loss', x: epoch - 1 + step / steps, y: 1 / (epoch + step / steps) });
    }
    sink.point({ series: 'val_acc', x: epoch, y: epoch / epochs });
    sink.epoch({ epoch, metrics: { train_loss: 1 / epoch, val_acc: epoch / epochs }, seconds: steps });
  }
}

describe('terminalChart', () => {
  const wave = { name: 'wave', color: 0, points: Array.from({ length: 50 }, (_, i) => ({ x: i, y: Math.sin(i / 5) })) };

  test('has the size asked for, whatever it is', () => {
    for (const [columns, rows] of [
      [80, 20],
      [30, 8],
      [20, 6],
      [120, 40],
    ] as const) {
      const lines = terminalChart([wave], { columns, rows, title: 'title', xlabel: 'epoch' });
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  test('a rising line goes from the lower left to the upper right, between round ticks', () => {
    const points = [
      { x: 0, y: 0 },
      { x: 10, y: 1 },
    ];
    const lines = terminalChart([{ name: 'line', color: 0, points }], { columns: 40, rows: 12, title: 't', color: false });
    expect(lines[1]).toMatch(/^\s*1\.0 ┤\s+[⠁-⣿]+$/u);
    expect(lines[8]).toMatch(/^\s*(0\.0)? [┤│][⠁-⣿]+$/u);
    expect(lines.at(-1)).toContain('━━ line');
  });

  test('constant, single, empty and non-finite series are drawn without NaN', () => {
    for (const points of [
      [],
      [{ x: 1, y: 5 }],
      [
        { x: 0, y: 2 },
        { x: 1, y: 2 },
      ],
      [
        { x: 0, y: Number.NaN },
        { x: 1, y: Number.POSITIVE_INFINITY },
      ],
      [
        { x: 0, y: 1e30 },
        { x: 1, y: -1e-30 },
      ],
    ]) {
      const text = terminalChart([{ name: 'a', color: 0, points }], { columns: 60, rows: 10, color: false }).join('\n');
      expect(text).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});

describe('live view', () => {
  test('redraws in place: one title on the screen however many events came', () => {
    const [screen, clock] = [new Screen(), { t: 0 }];
    const sink = terminalProgress({ stream: screen, live: true, now: () => clock.t });
    play(sink, { clock });
    sink.note('a note');
    sink.end();
    const shown = screen.lines;
    expect(shown.filter((line) => line.includes('LeNet'))).toHaveLength(1);
    expect(shown.filter((line) => line.includes('epoch 3/3'))).toHaveLength(1);
    expect(shown[0]).toBe('a note');
    expect(shown.join('\n')).toContain('100 %');
  });

  test('never erases the whole screen, hides the cursor and gives it back', () => {
    const screen = new Screen();
    const sink = terminalProgress({ stream: screen, live: true });
    play(sink);
    sink.end();
    expect(screen.text).not.toContain('\x1b[2J');
    expect(screen.text.indexOf('\x1b[?25l')).toBeLessThan(screen.text.lastIndexOf('\x1b[?25h'));
  });

  test('fits every window, and never more rows than it has', () => {
    for (const [columns, rows] of [
      [80, 24],
      [40, 10],
      [20, 6],
      [200, 60],
    ] as const) {
      const board = new TerminalBoard({ now: () => 1 });
      board.start({ title: 'A rather long title of a lesson', epochs: 2, settings: { device: 'wasm', threads: 2 } });
      board.point({ series: 'train_loss', x: 0, y: 1 });
      board.point({ series: 'val_acc', x: 1, y: 0.5 });
      const lines = board.render(columns, rows);
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  test('draws at most once an interval between epochs', () => {
    const [screen, clock] = [new Screen(), { t: 0 }];
    const sink = terminalProgress({ stream: screen, live: true, interval: 100, now: () => clock.t });
    sink.start({ title: 't', epochs: 1 });
    const before = screen.text.length;
    for (let step = 1; step <= 50; step++) sink.step({ epoch: 1, step });
    expect(screen.text.length).toBe(before);
    clock.t = 101;
    sink.step({ epoch: 1, step: 51 });
    expect(screen.text.length).toBeGreaterThan(before);
  });
});

describe('plain view', () => {
  test('one line an epoch, no escape sequences', () => {
    const [screen, clock] = [new Screen(), { t: 0 }];
    screen.isTTY = false;
    const sink = terminalProgress({ stream: screen, interval: 100, now: () => clock.t });
    play(sink, { clock });
    sink.end();
    expect(screen.text).not.toContain('\x1b');
    expect(screen.text.trim().split('\n')).toEqual([
      'LeNet (device wasm · lr 0.1)',
      'epoch 1/3   train loss 1.000   val acc 0.333   4.0 s',
      'epoch 2/3   train loss 0.500   val acc 0.667   4.0 s',
      'epoch 3/3   train loss 0.333   val acc 1.000   4.0 s',
    ]);
  });

  test('a long epoch gets a line an interval, with speed and time left', () => {
    const [screen, clock] = [new Screen(), { t: 0 }];
    const sink = terminalProgress({ stream: screen, live: false, interval: 2, now: () => clock.t });
    play(sink, { clock, epochs: 1 });
    expect(screen.text).toContain('epoch 1/1   step 2/4   train loss 0.667   1.00 steps/s   2.0 s left');
  });
});

describe('board', () => {
  test('knows share, speed and time left, also when the steps of an epoch are not told', () => {
    let t = 0;
    const board = new TerminalBoard({ now: () => t });
    board.start({ title: '', epochs: 4 });
    expect(board.fraction).toBe(0);
    for (let step = 1; step <= 10; step++) {
      t += 0.5;
      board.step({ epoch: 1, step });
    }
    board.epoch({ epoch: 1, metrics: {}, seconds: 5 });
    expect(board.fraction).toBe(0.25);
    expect(board.rate).toBe(2);
    expect(board.secondsLeft).toBe(15);
    board.step({ epoch: 2, step: 5 });
    expect(board.fraction).toBe(0.375);
  });

  test('long runs keep a bounded number of points', () => {
    const board = new TerminalBoard({ now: () => 1 });
    board.start({ title: '', epochs: 1 });
    for (let i = 0; i < 20_000; i++) board.point({ series: 'loss', x: i / 20_000, y: i });
    const started = performance.now();
    board.render(100, 30);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('progressBar is exactly as wide as asked', () => {
    for (const fraction of [-1, 0, 0.01, 0.333, 0.999, 1, 2]) expect(displayWidth(progressBar(fraction, 17))).toBe(17);
  });
});

test('names and numbers read well', () => {
  expect(['train_loss', 'valAcc', 'batchSize', 'lr', 'val acc'].map(readableName)).toEqual([
    'train loss',
    'val acc',
    'batch size',
    'lr',
    'val acc',
  ]);
  expect(['val_acc', 'test accuracy', 'train_loss', 'perplexity'].map(kindOfSeries)).toEqual([
    'accuracy',
    'accuracy',
    'loss',
    'perplexity',
  ]);
  expect(['train_loss', 'val_loss', 'test_acc', 'x'].map((name) => colorOfSeries(name, 7))).toEqual([0, 1, 2, 7]);
  expect([0.12345, 12.345, 1234.5, 1e-7, Number.NaN, Number.NEGATIVE_INFINITY, 0].map(formatMetric)).toEqual([
    '0.123',
    '12.35',
    '1234.5',
    '1.00e-7',
    'NaN',
    '−∞',
    '0.000',
  ]);
  expect([0.04, 59.99, 61, 3725].map(formatSeconds)).toEqual(['0.0 s', '1 min 00 s', '1 min 01 s', '1 h 02 min']);
  expect(displayWidth('\x1b[1mab\x1b[22m漢')).toBe(4);
  expect(displayWidth(fitWidth('abcdefgh', 5))).toBe(5);
});
