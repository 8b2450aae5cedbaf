// `fathom doctor`: what runs here, one fact a line, and for each thing that is wrong its cure.
import { readdir, stat } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../runtime.ts';

export interface Finding {
  name: string;
  value: string;
  /** What to do about it; absent when all is well. */
  cure?: string;
  /** A cure that is advice only, for something that works as it is. */
  advice?: string;
}

/** Looks at everything; never throws: what cannot be found out is a finding itself. */
export async function examineMachine({ runtime, version }: { runtime: Runtime; version: string }): Promise<Finding[]> {
  const findings: Finding[] = [
    { name: 'fathom', value: version },
    node(),
    { name: 'platform', value: `${process.platform} ${process.arch}, ${availableParallelism()} processors` },
  ];
  try {
    const { device, reason, variant, threads, hardwareThreads, limit } = await runtime.facts();
    findings.push({ name: 'device', value: `${device}: ${reason}` });
    findings.push({ name: 'kernels', value: variant });
    findings.push({
      name: 'threads',
      value: `${threads} of ${hardwareThreads}`,
      ...(threads < hardwareThreads && { advice: 'FATHOM_THREADS sets the number' }),
    });
    findings.push(memoryOf(limit));
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/\s*\n\s*/g, ' ') : String(error);
    findings.push({
      name: 'device',
      value: `none starts: ${message}`,
      cure: 'run `npm run build` in the checkout, or reinstall the package; DEBUG=1 shows the stack',
    });
    if (process.env['DEBUG'] && error instanceof Error) findings.push({ name: 'stack', value: error.stack ?? '' });
  }
  findings.push(await dataFolder(), await cachedSets(), await workingFolder());
  return findings;
}

/** One line a finding; the cure stands below what is wrong. */
export function doctorText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, value, cure, advice }) => [
    `${cure === undefined ? ' ' : '!'} ${name.padEnd(width)}  ${value}${advice === undefined ? '' : ` (${advice})`}`,
    ...(cure === undefined ? [] : [`  ${' '.repeat(width)}  cure: ${cure}`]),
  ]);
  const bad = findings.filter(({ cure }) => cure !== undefined).length;
  return [...lines, '', bad === 0 ? '  All is well.' : `  ${bad} thing${bad === 1 ? '' : 's'} to mend.`].join('\n');
}

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return { name: 'node', value: process.versions.node, ...(major < 20 && { cure: 'install Node 20 or newer (nodejs.org)' }) };
}

function memoryOf(limit: number): Finding {
  const low = freemem() < 512 * 2 ** 20;
  return {
    name: 'memory',
    value: `${bytes(freemem())} free of ${bytes(totalmem())}; the device takes up to ${bytes(limit)}`,
    ...(low && { advice: 'little is free: close other programs before a long run' }),
  };
}

async function dataFolder(): Promise<Finding> {
  const folder = process.env['FATHOM_DATA'];
  if (!folder) return { name: 'data', value: 'FATHOM_DATA is not set; data sets come from the cache or are downloaded' };
  const sets = await foldersIn(folder);
  if (sets === undefined)
    return {
      name: 'data',
      value: `FATHOM_DATA=${folder} is not a readable folder`,
      cure: 'correct FATHOM_DATA, or unset it to use the cache and downloads',
    };
  const names = sets.length > 6 ? `${sets.slice(0, 6).join(', ')} and ${sets.length - 6} more` : sets.join(', ');
  return {
    name: 'data',
    value: `${folder}: ${names || 'no data sets'}`,
    ...(sets.length === 0 && { advice: 'each data set is a folder in it, such as fashion-mnist' }),
  };
}

async function cachedSets(): Promise<Finding> {
  const { cacheFolder: cachePath } = await import('../../data/fetch-node.ts');
  const folder = await cachePath();
  const sets = await foldersIn(folder);
  if (sets === undefined) return { name: 'cache', value: `${folder}: not there yet; the first download makes it` };
  return { name: 'cache', value: `${folder}: ${sets.length === 0 ? 'empty' : sets.join(', ')}` };
}

async function workingFolder(): Promise<Finding> {
  const here = process.cwd();
  const { access, constants } = await import('node:fs/promises');
  const writable = await access(here, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (writable) return { name: 'runs', value: join(here, 'runs') };
  return { name: 'runs', value: `${here} cannot be written to`, cure: 'change to a folder of your own, or give one with --out' };
}

async function foldersIn(folder: string): Promise<string[] | undefined> {
  const entries = await readdir(folder).catch(() => undefined);
  if (entries === undefined) return undefined;
  const kinds = await Promise.all(
    entries.map((entry) =>
      stat(join(folder, entry)).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    ),
  );
  return entries.filter((entry, i) => kinds[i] && !entry.startsWith('.')).sort();
}

function bytes(count: number): string {
  return count >= 2 ** 30 ? `${(count / 2 ** 30).toFixed(1)} GiB` : `${Math.round(count / 2 ** 20)} MiB`;
}
