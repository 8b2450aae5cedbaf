// Profiles as files.

import type { Profile } from '../runtime/profiler.ts';
import { writeFileAtomic } from './files.ts';

/** Writes the calls of a profile as a Chrome trace; open it in chrome://tracing or Perfetto. SaveError when the file cannot be written. */
export const saveTrace = (path: string, profile: Profile): Promise<void> =>
  writeFileAtomic(path, new TextEncoder().encode(profile.trace()));
