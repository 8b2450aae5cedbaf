#!/usr/bin/env node
// The `fathom` command.

import { causeOf } from '../io/errors.ts';
import { version } from '../version.ts';
import { errorText, exitCodes } from './errors.ts';
import { lessons } from './lessons.ts';
import { runCli } from './program.ts';
import { runtime } from './runtime.ts';

// A reader that goes away (`fathom list | head -1`) is no error; a full disk behind `> file` is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  process.stderr.write(`${errorText(new Error(`standard output: ${causeOf(error)}`))}\n`, () => process.exit(exitCodes.failure));
});

const code = await runCli(process.argv.slice(2), {
  lessons,
  runtime,
  version,
  stdout: process.stdout,
  stderr: process.stderr,
});
// Worker threads of the device would keep the process alive; what was written to a pipe must be out first.
process.stdout.write('', (error) => {
  if (!error) process.stderr.write('', () => process.exit(code)); // else the listener above ends the program
});
