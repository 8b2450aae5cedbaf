// DataLoader where there are no worker threads: the items are loaded in this thread, and one warning says so.

import { expect, it, vi } from 'vitest';
import { DataLoader, workerDataset } from '../../src/data/index.ts';

vi.mock('../../src/io/node-modules.ts', async (original) => ({ ...(await original<object>()), hasNode: () => false }));

it('numWorkers in a browser loads in this thread and warns once', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const set = await workerDataset<number>(new URL('./fixtures/worker-sets.mjs', import.meta.url), { name: 'failing', args: [-1] });
  const loader = new DataLoader(set, { batchSize: 4, numWorkers: 2 });
  for (let epoch = 0; epoch < 2; epoch++) {
    const seen: number[] = [];
    for await (const batch of loader) seen.push(...batch.numbersSync());
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  }
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0][0]).toMatch(/worker threads are for Node/);
});
