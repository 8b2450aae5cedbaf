#!/usr/bin/env node
// The `fathom` command.

import { version } from '../version.ts';
import { lessons } from './lessons.ts';
import { runCli } from './program.ts';
import { runtime } from './runtime.ts';

// A reader that goes away (`fathom list | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await runCli(process.argv.slice(2), {
  lessons,
  runtime,
  version,
  stdout: process.stdout,
  stderr: process.stderr,
});
// Worker threads of the device would keep the process alive; what was written to a pipe must be out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
