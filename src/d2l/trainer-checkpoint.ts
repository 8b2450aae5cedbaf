// Checkpoints of the Trainer: after whole epochs it saves model, optimizer, generators and its own counters, and goes on from there.

import { loadCheckpoint, type Stateful, saveCheckpoint } from '../io/checkpoint.ts';
import { LoadError } from '../io/errors.ts';
import { defaultGenerator, Generator } from '../runtime/random.ts';
import type { BatchLoader, OptimizerLike } from './module.ts';
import type { Trainer } from './trainer.ts';

/** Where and how often a {@link Trainer} saves. */
export interface TrainerCheckpoint {
  /** The file. */
  path: string;
  /** Epochs from one checkpoint to the next. Default 1; the last epoch is always saved. */
  everyEpochs?: number;
  /** Go on from the file when it exists. Default true. */
  resume?: boolean;
}

const isStateful = (o: OptimizerLike): o is OptimizerLike & Stateful => 'stateDict' in o && 'loadStateDict' in o;

/** A loader's own generator, when it has one. */
function generatorsOf(loader: BatchLoader | null): Record<string, Generator> {
  const own = loader !== null && 'generator' in loader ? loader.generator : undefined;
  return own instanceof Generator && own !== defaultGenerator ? { loader: own } : {};
}

const partsOf = (t: Trainer): { model: Stateful; optimizer?: Stateful; generators: Record<string, Generator> } => ({
  model: t.model,
  ...(isStateful(t.optim) ? { optimizer: t.optim } : {}),
  generators: generatorsOf(t.trainLoader),
});

/** Saves the state after `epochs` whole epochs, when it is time to. */
export async function saveTraining(t: Trainer, epochs: number, { path, everyEpochs = 1 }: TrainerCheckpoint): Promise<void> {
  if (epochs % everyEpochs !== 0 && epochs !== t.maxEpochs) return;
  const history = t.history.map(({ epoch, metrics, seconds }) => ({ epoch, metrics: { ...metrics }, seconds }));
  await saveCheckpoint(path, { ...partsOf(t), epoch: epochs, step: t.trainBatchIdx, user: { valBatchIdx: t.valBatchIdx, history } });
}

/** Restores the newest checkpoint, if there is one. */
export async function resumeTraining(t: Trainer, { path, resume = true }: TrainerCheckpoint): Promise<void> {
  if (!resume) return;
  try {
    const { epoch, step, user } = await loadCheckpoint(path, partsOf(t));
    const { valBatchIdx, history } = user as { valBatchIdx: number; history: Trainer['history'] };
    t.epoch = epoch;
    t.trainBatchIdx = step;
    t.valBatchIdx = valBatchIdx;
    t.history.splice(0, t.history.length, ...history);
  } catch (error) {
    if (!(error instanceof LoadError) || !error.missing) throw error;
  }
}
