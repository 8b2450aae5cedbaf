// The command line: commands, options, help; and the turning of every failure into one line and an exit code.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { TextStream } from '../plot/index.ts';
import { doctorText, examineMachine } from './commands/doctor.ts';
import { listText } from './commands/list.ts';
import { type RunOptions, runLesson } from './commands/run.ts';
import type { Lesson } from './context.ts';
import { errorText, exitCodes, UsageError } from './errors.ts';
import type { Runtime } from './runtime.ts';
import { didYouMean } from './suggest.ts';

export interface CliEnvironment {
  lessons: readonly Lesson[];
  runtime: Runtime;
  version: string;
  stdout: TextStream;
  stderr: TextStream;
}

/** Runs the command line `args` (without node and script) and returns the exit code. Prints errors; never throws. */
export async function runCli(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const { stderr } = environment;
  const result = { code: exitCodes.ok as number };
  try {
    await createProgram(environment, result).parseAsync([...args], { from: 'user' });
    return result.code;
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const debug = Boolean(process.env['DEBUG']);
    stderr.write(`${errorText(error, debug)}\n`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
  }
}

/** The commands. Actions leave their exit code in `result`. */
export function createProgram(environment: CliEnvironment, result: { code: number }): Command {
  const { lessons, runtime, version, stdout, stderr } = environment;
  const program = new Command('fathom')
    .description('Deep learning for TypeScript. Runs the lessons of the book and writes a report of each run.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`${text.trim().replace(/\s*\n\s*/g, ' ')}\n`),
    })
    .addHelpText(
      'after',
      `\nExamples:\n  $ npx fathom list                    what there is to run\n  $ npx fathom run lenet               train LeNet; the report lands in runs/lenet/\n  $ npx fathom run 7.6 --quick         the same by number, in seconds\n  $ npx fathom doctor                  what runs here, and what is wrong`,
    );
  program
    .command('list')
    .description('show the lessons')
    .option('--json', 'print JSON')
    .action(({ json = false }: { json?: boolean }) => {
      stdout.write(`${listText(lessons, { json })}\n`);
    });
  program
    .command('run')
    .description('run a lesson, with live curves, and write its report')
    .argument('<lesson>', "number or name, such as 7.6 or lenet ('fathom list' shows them)")
    .option('--epochs <n>', "passes over the training data (default: the lesson's own)", wholeNumber(1))
    .option('--seed <n>', 'seed of all random numbers; one seed gives the same run again', wholeNumber(0), 0)
    .addOption(new Option('--device <name>', "where to compute (default: the fastest here; 'fathom doctor' tells)"))
    .option('--data <folder>', 'folder with data sets (default: FATHOM_DATA, then the cache, then a download)')
    .option('--out <folder>', 'folder for report, metrics and model (default: runs/<name>)')
    .option('--quick', 'less data and fewer epochs: a look in seconds')
    .option('--json', 'print the final numbers as one JSON object; all else goes to standard error')
    .addHelpText(
      'after',
      `\nExamples:\n  $ npx fathom run lenet\n  $ npx fathom run softmax --epochs 3 --seed 1\n  $ npx fathom run lenet --quick --json > lenet.json\n\nCtrl-C stops after the current step and still writes the report; a second Ctrl-C quits at once.\nExit codes: 0 done, 1 failed or diverged, 2 wrong command line, 130 stopped.`,
    )
    .action(async (lesson: string, { quick = false, json = false, ...options }: Partial<RunOptions> & { seed: number }) => {
      result.code = await runLesson(lesson, { ...options, quick, json }, { lessons, runtime, version, stdout, stderr });
    });
  program
    .command('doctor')
    .description('show version, device, threads, memory and data, and what is wrong with a cure')
    .option('--json', 'print JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const findings = await examineMachine({ runtime, version });
      stdout.write(`${json ? JSON.stringify(findings) : doctorText(findings)}\n`);
      if (findings.some(({ cure }) => cure !== undefined)) result.code = exitCodes.failure;
    });
  // Reached by a first word that is no command, and by no word at all.
  program
    .argument('[command]')
    .allowExcessArguments()
    .action((word?: string) => {
      if (word === undefined) {
        program.outputHelp();
        return;
      }
      if (lessons.some(({ id, name }) => id === word || name === word))
        throw new UsageError(`'${word}' is a lesson. Did you mean 'fathom run ${word}'?`);
      const names = program.commands.map((command) => command.name());
      throw new UsageError(`there is no command '${word}'.${didYouMean(word, names)} 'fathom --help' shows them all.`);
    });
  program.usage('<command> [options]');
  return program;
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value))
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    return value;
  };
}
