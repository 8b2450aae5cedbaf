// The loader's worker threads (Node): each has its own set; requests are answered in any order, and waited for by number.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError } from './errors.ts';
import { type DatasetSource, unpack, type WorkerReply, type WorkerRequest } from './messages.ts';

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  worker: number;
}

// From dist/data the first place holds the worker's program, from src/data (tests run the sources) the second.
const places = ['./loader-worker.js', '../../dist/data/loader-worker.js'];

function program(): URL {
  const urls = places.map((p) => new URL(p, import.meta.url));
  const found = urls.find((u) => existsSync(fileURLToPath(u)));
  if (found === undefined)
    throw new DataError(
      'missing',
      `DataLoader: the program of the workers is not at ${urls.map((u) => fileURLToPath(u)).join(' or ')}; when you bundle, keep the package outside of the bundle`,
    );
  return found;
}

/** Worker threads that load batches of one set. They keep the process alive only while a batch is waited for. */
export class LoaderWorkers {
  readonly #workers: Worker[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #closed = false;

  constructor(source: DatasetSource, count: number) {
    const url = program();
    for (let i = 0; i < count; i++) {
      // A worker loads; it does not need the thread pool of the kernels.
      const worker = new Worker(url, { workerData: source, env: { ...process.env, FATHOM_THREADS: '1' }, name: `fathom-loader-${i}` });
      worker.unref();
      worker.on('message', (reply: WorkerReply) => this.#answered(reply));
      worker.on('error', (e) => this.#lost(i, e instanceof Error ? e.message : String(e)));
      worker.on('exit', (code) => this.#lost(i, `it ended with code ${code}`));
      this.#workers.push(worker);
    }
  }

  get count(): number {
    return this.#workers.length;
  }

  /** Sends the next worker a batch to load. */
  load(indices: readonly number[], collate: boolean, seed: number): Promise<unknown> {
    const id = this.#nextId++;
    const worker = id % this.count;
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new DataError('worker', 'DataLoader: the workers were shut down'));
        return;
      }
      if (!this.#busy(worker)) this.#workers[worker].ref();
      this.#waiting.set(id, { resolve, reject, worker });
      this.#workers[worker].postMessage({ id, indices, collate, seed } satisfies WorkerRequest);
    });
  }

  #busy(worker: number): boolean {
    for (const w of this.#waiting.values()) if (w.worker === worker) return true;
    return false;
  }

  #take(id: number): Waiting | undefined {
    const w = this.#waiting.get(id);
    if (w === undefined) return undefined;
    this.#waiting.delete(id);
    if (!this.#busy(w.worker)) this.#workers[w.worker].unref();
    return w;
  }

  #answered(reply: WorkerReply): void {
    const w = this.#take(reply.id);
    if (w === undefined) return;
    if ('error' in reply) {
      const { name, message, stack } = reply.error;
      const cause = Object.assign(new Error(message), { name, stack });
      w.reject(new DataError('worker', `DataLoader: worker ${w.worker} failed with ${name}: ${message}`, { cause }));
    } else w.resolve(unpack(reply.value));
  }

  /** A worker is gone: what was asked of all of them fails, and the others end. */
  #lost(worker: number, why: string): void {
    if (this.#closed) return;
    const waiting = [...this.#waiting.values()];
    void this.close();
    for (const w of waiting) w.reject(new DataError('worker', `DataLoader: worker ${worker} was lost: ${why}`));
  }

  /** True while all threads run. */
  get usable(): boolean {
    return !this.#closed;
  }

  /** Ends the threads; batches that were asked for are dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    await Promise.all(this.#workers.map((w) => w.terminate()));
  }
}
