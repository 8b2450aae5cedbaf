// The program of a loader worker: makes its set, then answers requests one after another until it is ended.

import { parentPort, workerData } from 'node:worker_threads';
import '../tensor/methods.ts';
import '../autograd/setup.ts';
import { manualSeed } from '../runtime/random.ts';
import { makeBatch } from './collate.ts';
import { type DatasetSource, pack, type WorkerReply, type WorkerRequest } from './messages.ts';
import { makeDataset } from './worker-dataset.ts';

const port = parentPort;
if (port === null) throw new Error('loader-worker: this program is started by a DataLoader in a thread of its own');
const dataset = makeDataset(workerData as DatasetSource);
dataset.catch(() => {}); // told in the answer to every request

async function answer({ id, indices, collate, seed }: WorkerRequest): Promise<void> {
  const transfer: ArrayBuffer[] = [];
  let reply: WorkerReply;
  try {
    const set = await dataset;
    manualSeed(seed);
    reply = { id, value: pack(await makeBatch(set, indices, collate), transfer) };
  } catch (e) {
    const error = e instanceof Error ? e : new Error(String(e));
    reply = { id, error: { name: error.name, message: error.message, stack: error.stack ?? '' } };
  }
  port?.postMessage(reply, transfer);
}

// Requests wait for one another: items of one set are not loaded at the same time by one worker.
let last: Promise<void> = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  last = last.then(() => answer(request));
});
