// The view of a run in a terminal: live charts that redraw in place, or plain lines where the output is a file, a log or CI.

import { type EpochEvent, formatSeconds, type PointEvent, type ProgressSink, type RunStart, type StepEvent } from './progress.ts';
import { formatRate, metricsLine, settingsLine, TerminalBoard } from './terminal-board.ts';
import { displayWidth } from './terminal-chart.ts';

/** The part of a Node stream that the views use. */
export interface TextStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

export interface TerminalOptions {
  /** Where to draw; standard output by default. */
  stream?: TextStream;
  /** Seconds between redraws (live) or between lines inside a long epoch (plain). */
  interval?: number;
  /** Force the live (true) or the plain view (false); by default the stream and the environment decide. */
  live?: boolean;
  /** Clock in seconds, for tests. */
  now?: () => number;
}

/** A sink for this terminal: live charts on a TTY, plain lines elsewhere and with NO_COLOR, CI or TERM=dumb. */
export function terminalProgress(options: TerminalOptions = {}): ProgressSink {
  const stream = options.stream ?? process.stdout;
  const { env } = process;
  const live = options.live ?? (stream.isTTY === true && !env['NO_COLOR'] && !env['CI'] && env['TERM'] !== 'dumb');
  return live ? new LiveView({ ...options, stream }) : new PlainView({ ...options, stream });
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
// Terminals that know synchronised output show a frame whole; others ignore the sequence.
const beginFrame = '\x1b[?2026h';
const endFrame = '\x1b[?2026l';
const eraseBelow = '\x1b[J';
const eraseToEnd = '\x1b[K';

class LiveView implements ProgressSink {
  readonly #board: TerminalBoard;
  readonly #stream: TextStream;
  readonly #interval: number;
  readonly #now: () => number;
  #drawn: string[] = [];
  #columns = 80;
  #last = Number.NEGATIVE_INFINITY;
  #open = false;
  readonly #restore = () => {
    if (this.#open) this.#stream.write(showCursor);
  };

  constructor({ stream = process.stdout, interval = 0.1, now = () => performance.now() / 1000 }: TerminalOptions) {
    this.#board = new TerminalBoard({ now });
    this.#stream = stream;
    this.#interval = interval;
    this.#now = now;
  }

  start(event: RunStart): void {
    this.#board.start(event);
    if (!this.#open) {
      this.#open = true;
      process.once('exit', this.#restore); // the cursor comes back whatever ends the program
      this.#stream.write(hideCursor);
    }
    this.#draw();
  }

  step(event: StepEvent): void {
    this.#board.step(event);
    this.#drawSometimes();
  }

  point(event: PointEvent): void {
    this.#board.point(event);
    this.#drawSometimes();
  }

  epoch(event: EpochEvent): void {
    this.#board.epoch(event);
    this.#draw();
  }

  note(text: string): void {
    if (!this.#open) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#stream.write(`${beginFrame}${this.#up()}${eraseBelow}${text}\n`);
    this.#drawn = [];
    this.#draw();
  }

  end(): void {
    if (!this.#open) return;
    this.#draw();
    this.#open = false;
    process.removeListener('exit', this.#restore);
    this.#stream.write(`${showCursor}\n`);
  }

  #drawSometimes(): void {
    if (this.#open && this.#now() - this.#last >= this.#interval) this.#draw();
  }

  #draw(): void {
    if (!this.#open) return;
    this.#last = this.#now();
    const columns = Math.max(10, this.#stream.columns ?? 80);
    const rows = Math.max(4, this.#stream.rows ?? 24);
    // One column stays free: a full last column makes some terminals wrap. One row stays free for the cursor.
    const lines = this.#board.render(columns - 1, rows - 1);
    // A window made narrower has wrapped old lines, so all is wiped; else each line overwrites its predecessor.
    const resized = columns !== this.#columns;
    const up = this.#up();
    this.#columns = columns;
    const body = lines.map((line) => `${line}${eraseToEnd}\n`).join('');
    this.#stream.write(`${beginFrame}${up}${resized ? eraseBelow : ''}${body}${eraseBelow}${endFrame}`);
    this.#drawn = lines;
  }

  // Moves to the first row of the last frame, counting rows that a narrower window has wrapped.
  #up(): string {
    const columns = Math.max(10, this.#stream.columns ?? 80);
    let rows = 0;
    for (const line of this.#drawn) rows += Math.max(1, Math.ceil(displayWidth(line) / columns));
    rows = Math.min(rows, Math.max(4, this.#stream.rows ?? 24) - 1);
    return rows > 0 ? `\r\x1b[${rows}A` : '\r';
  }
}

class PlainView implements ProgressSink {
  readonly #board: TerminalBoard;
  readonly #stream: TextStream;
  readonly #interval: number;
  readonly #now: () => number;
  #epochs = 0;
  #stepsPerEpoch: number | undefined;
  #last = 0;

  constructor({ stream = process.stdout, interval = 10, now = () => performance.now() / 1000 }: TerminalOptions) {
    this.#board = new TerminalBoard({ now });
    this.#stream = stream;
    this.#interval = interval;
    this.#now = now;
  }

  start(event: RunStart): void {
    this.#board.start(event);
    this.#epochs = event.epochs;
    this.#stepsPerEpoch = event.stepsPerEpoch;
    this.#last = this.#now();
    const settings = settingsLine(event.settings ?? {});
    this.note(settings === '' ? event.title : `${event.title} (${settings})`);
  }

  step(event: StepEvent): void {
    this.#board.step(event);
    if (this.#now() - this.#last < this.#interval) return;
    this.#last = this.#now();
    const total = this.#stepsPerEpoch === undefined ? '' : `/${this.#stepsPerEpoch}`;
    const left = this.#board.secondsLeft;
    const parts = [
      `epoch ${this.#number(event.epoch)}`,
      `step ${event.step}${total}`,
      metricsLine(event.metrics ?? {}),
      `${formatRate(this.#board.rate)} steps/s`,
      this.#stepsPerEpoch === undefined || Number.isNaN(left) ? '' : `${formatSeconds(left)} left`,
    ];
    this.note(parts.filter((part) => part !== '').join('   '));
  }

  point(event: PointEvent): void {
    this.#board.point(event);
  }

  epoch(event: EpochEvent): void {
    this.#board.epoch(event);
    this.#last = this.#now();
    this.note(`epoch ${this.#number(event.epoch)}   ${metricsLine(event.metrics)}   ${formatSeconds(event.seconds)}`);
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  end(): void {}

  #number(epoch: number): string {
    return `${String(epoch).padStart(String(this.#epochs).length)}/${this.#epochs}`;
  }
}
