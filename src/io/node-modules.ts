// Node's own modules, loaded on first use: the names are not literals in an import, so that browser bundlers leave them alone.

import { FathomError } from '../runtime/errors.ts';

type NodeModules = {
  'node:fs/promises': typeof import('node:fs/promises');
  'node:path': typeof import('node:path');
  'node:os': typeof import('node:os');
  'node:crypto': typeof import('node:crypto');
};

/** True in Node (and in other runtimes that bring Node's modules). */
export const hasNode = (): boolean => typeof process !== 'undefined' && typeof process.versions?.node === 'string';

/** Loads one of Node's modules. Throws a FathomError that names `what` in a browser. */
export async function nodeModule<K extends keyof NodeModules>(name: K, what: string): Promise<NodeModules[K]> {
  if (!hasNode())
    throw new FathomError(`${what} needs Node's file system, which a browser lacks; work on bytes instead (for example decodeSafetensors)`);
  const specifier: string = name;
  return (await import(/* @vite-ignore */ specifier)) as NodeModules[K];
}
