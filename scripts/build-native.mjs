// Compiles kernels/*.cpp and native/*.cpp to a Node add-on with the machine's C++ compiler.
//
// node scripts/build-native.mjs [--variants NAME,...|all] [--sanitize address|undefined|thread] [--optional] [--force]
//
// The add-on is for this platform, processor family and version of Node's binary interface: dist/native/fathom-PLATFORM-ARCH-ABI.node. Without
// --variants it holds the kernels for this processor; `all` (for packages that are made ahead) holds every variant of the family, and the one to run
// is chosen when it is loaded. With --optional a machine that cannot build it is no error: the reason is written to dist/native/status.json.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const run = promisify(execFile);

/** What each variant asks of the processor, best one first. */
const families = {
  x64: [
    {
      name: 'avx512',
      flags: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx2', '-mfma', '-mf16c', '-mprefer-vector-width=512'],
      needs: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'fma'],
    },
    { name: 'avx2', flags: ['-mavx2', '-mfma', '-mf16c'], needs: ['avx2', 'fma'] },
    // Every processor of the family since 2009.
    { name: 'baseline', flags: ['-msse4.2', '-mpopcnt'], needs: ['sse4.2', 'popcnt'] },
  ],
  arm64: [{ name: 'neon', flags: [], needs: [] }],
};

/** Why it cannot be built here: not a fault of the sources. */
class Unavailable extends Error {}

export const addonName = () => `fathom-${process.platform}-${process.arch}-${process.versions.modules}.node`;

export const compilerName = () => compiler().name;

function compiler() {
  const wanted = process.env.CXX;
  for (const name of wanted ? [wanted] : ['c++', 'g++', 'clang++']) {
    try {
      return { name, version: execFileSync(name, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0] };
    } catch {}
  }
  throw new Unavailable(
    wanted
      ? `CXX=${wanted} does not run`
      : 'there is no C++ compiler (c++, g++ or clang++) on the PATH; install one, as in `apt install g++` or `xcode-select --install`',
  );
}

function nodeHeaders() {
  const places = [
    process.env.FATHOM_NODE_HEADERS,
    join(dirname(process.execPath), '..', 'include', 'node'),
    process.config.variables.node_prefix && join(process.config.variables.node_prefix, 'include', 'node'),
    '/usr/include/node',
  ];
  for (const place of places) {
    if (!place || !existsSync(join(place, 'v8.h'))) continue;
    const version = readFileSync(join(place, 'node_version.h'), 'utf8');
    const part = (name) => version.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1];
    if (part('MAJOR') === process.versions.node.split('.')[0]) return place;
  }
  throw new Unavailable(
    `the headers of Node ${process.versions.node} are not beside it (include/node); a Node from nodejs.org has them, or set FATHOM_NODE_HEADERS`,
  );
}

const hash = (...parts) => {
  const h = createHash('sha256');
  for (const part of parts) h.update(part).update('\0');
  return h.digest('hex').slice(0, 24);
};

/** The variants that this processor runs, found by a program that the compiler makes. */
function runsHere(family, cxx, folder) {
  if (family.length === 1) return family;
  const source = join(folder, 'probe.cpp');
  const program = join(folder, `probe-${process.pid}`);
  const test = ({ needs }, k) =>
    `if (${['1', ...needs.map((f) => `__builtin_cpu_supports("${f}")`)].join(' && ')}) __builtin_printf("${k} ");`;
  writeFileSync(source, `int main() { __builtin_cpu_init(); ${family.map(test).join(' ')} }\n`);
  try {
    execFileSync(cxx, [source, '-o', program], { stdio: 'pipe' });
    const found = execFileSync(program, { encoding: 'utf8' }).trim().split(' ').map(Number);
    return family.filter((_, k) => found.includes(k));
  } catch (error) {
    throw new Unavailable(
      `${cxx} builds no program that runs: ${
        String(error.stderr ?? error.message)
          .trim()
          .split('\n')[0]
      }`,
    );
  } finally {
    rmSync(program, { force: true });
  }
}

/** The table of kernels that the add-on holds. */
function tableSource(variants) {
  const namespace = ({ name }) => `fathom_${name}`;
  const condition = ({ needs }) => (needs.length === 0 ? 'true' : needs.map((f) => `__builtin_cpu_supports("${f}")`).join(' && '));
  return `#include "../../native/kernels.h"
${variants.map((v) => `namespace ${namespace(v)} { extern const KernelTable table; }`).join('\n')}
const KernelVariant kernel_variants[] = {
${variants.map((v) => `  {&${namespace(v)}::table, [] { return bool(${condition(v)}); }},`).join('\n')}
};
const int kernel_variant_count = ${variants.length};
`;
}

/** Sources of `folder` with everything they include, for their hashes. */
function textsOf(path, seen = new Map()) {
  if (seen.has(path)) return seen;
  const text = readFileSync(path, 'utf8');
  seen.set(path, text);
  for (const [, name] of text.matchAll(/#include "([^"]+)"/g)) {
    const included = join(dirname(path), name);
    if (existsSync(included)) textsOf(included, seen);
  }
  return seen;
}

export async function buildNative({ variants: wanted, sanitize, force = false } = {}) {
  const family = families[process.arch];
  if (family === undefined || process.platform === 'win32')
    throw new Unavailable(`there are no native kernels for ${process.platform} ${process.arch} yet`);
  const cache = join(root, '.cache', 'native');
  const output = join(root, 'dist', 'native');
  mkdirSync(cache, { recursive: true });
  mkdirSync(output, { recursive: true });
  const headers = nodeHeaders();
  const { name: cxx, version } = compiler();
  const names = wanted?.split(',');
  const unknown = names?.find((n) => n !== 'all' && !family.some((v) => v.name === n));
  if (unknown !== undefined)
    throw new Error(`--variants ${unknown}: this processor family has ${family.map((v) => v.name).join(', ')} and all`);
  const variants =
    names === undefined ? runsHere(family, cxx, cache).slice(0, 1) : family.filter((v) => names.includes('all') || names.includes(v.name));

  const clang = /clang/.test(version);
  const common = [
    '-fPIC',
    '-fvisibility=hidden',
    '-fno-rtti',
    '-Wall',
    '-Wextra',
    '-Wno-psabi',
    // A word of an instruction is compared with the enumeration that it stands for.
    '-Wno-deprecated-enum-float-conversion',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-ffp-contract=fast',
  ];
  // MMX registers are those of the x87 unit: code that uses them leaves the host's long doubles broken.
  if (process.arch === 'x64') common.push('-mno-mmx');
  if (!clang) common.push('-Wno-cast-function-type', '-Wno-unused-parameter');
  if (sanitize)
    common.push(
      `-fsanitize=${sanitize}`,
      '-g',
      '-fno-omit-frame-pointer',
      ...(sanitize === 'undefined' ? ['-fno-sanitize-recover=undefined', '-fno-sanitize=alignment,vptr'] : []),
    );
  const level = sanitize ? '-O1' : '-O3';
  const tasks = [];
  const add = (source, flags, label) => {
    const object = join(
      cache,
      `${label.replace(/\W+/g, '-')}-${hash(version, flags.join(' '), ...[...textsOf(source)].flatMap(([path, text]) => [relative(root, path), text]))}.o`,
    );
    tasks.push({ source, flags, label, object });
  };
  for (const variant of variants) {
    const flags = [...common, ...variant.flags, `-Dfathom=fathom_${variant.name}`];
    for (const file of readdirSync(join(root, 'kernels')).sort()) {
      if (!file.endsWith('.cpp')) continue;
      add(
        join(root, 'kernels', file),
        ['-std=c++20', level, '-fno-exceptions', '-fno-threadsafe-statics', ...flags],
        `${variant.name} ${file.slice(0, -4)}`,
      );
    }
    add(join(root, 'native', 'threads.cpp'), ['-std=c++20', '-O2', ...flags], `${variant.name} native-threads`);
    add(
      join(root, 'native', 'variant.cpp'),
      ['-std=c++20', '-O2', `-DFATHOM_VARIANT=${variant.name}`, ...flags],
      `${variant.name} variant`,
    );
  }
  const table = join(cache, `table-${hash(tableSource(variants))}.cpp`);
  writeFileSync(table, tableSource(variants));
  const shell = ['-std=c++20', '-O2', ...common];
  add(table, shell, 'table');
  add(join(root, 'native', 'memory.cpp'), shell, 'memory');
  add(join(root, 'native', 'binding.cpp'), [...shell, '-I', headers], 'binding');

  const file = sanitize ? addonName().replace('.node', `-${sanitize}.node`) : addonName();
  const addon = join(output, file);
  const stamp = join(cache, `${file}.stamp`);
  const key = hash(readFileSync(fileURLToPath(import.meta.url)), ...tasks.map((t) => t.object));
  if (!force && existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key)
    return { addon, built: false, variants: variants.map((v) => v.name) };

  // Longest files first, as many at a time as there are processors.
  const queue = tasks.filter((t) => force || !existsSync(t.object)).sort((a, b) => statSync(b.source).size - statSync(a.source).size);
  const failures = [];
  const work = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const temporary = `${task.object}.${process.pid}.tmp`;
      try {
        const { stderr } = await run(cxx, [...task.flags, '-c', task.source, '-o', temporary], { maxBuffer: 1 << 26 });
        if (stderr.trim()) console.warn(stderr.trim());
        renameSync(temporary, task.object);
      } catch (error) {
        rmSync(temporary, { force: true });
        failures.push(`${task.label}:\n${String(error.stderr ?? error.message).trim()}`);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failures.length > 0) throw new Error(`native kernels do not build with ${version}\n${failures.join('\n')}`);

  const temporary = join(output, `${process.pid}-${file}`);
  const link = [
    '-shared',
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-pthread']),
    ...(sanitize ? [`-fsanitize=${sanitize}`] : ['-s']),
  ];
  try {
    await run(cxx, [...link, ...tasks.map((t) => t.object), '-o', temporary], { maxBuffer: 1 << 26 });
    // A child loads it and runs an instruction: an add-on that fails here never replaces a good one.
    if (!sanitize) execFileSync(process.execPath, ['-e', trial, temporary], { stdio: 'pipe' });
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new Error(`the native add-on does not load: ${String(error.stderr ?? error.message).trim()}`);
  }
  renameSync(temporary, addon);
  writeFileSync(stamp, key);
  // Objects of sources that have changed since; recent ones stay, another build may be about to link them.
  const used = new Set(tasks.map((t) => t.object));
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (name.endsWith('.o') && !used.has(path) && Date.now() - statSync(path).mtimeMs > 24 * 3600_000) rmSync(path, { force: true });
  }
  return { addon, built: true, variants: variants.map((v) => v.name) };
}

// FILL: the identity program (no steps, result register 0) over no inputs and one constant.
const trial = `
const m = { exports: {} };
process.dlopen(m, process.argv[1]);
const { buffer } = m.exports.open(2 ** 28);
const w = new Float64Array(buffer, 65536, 64);
w.set([0, 1, 0], 32);
w.set([1, 13, 65536 + 256, 0, 1, 1, 1, 1, 1, 65536 + 384, 1, 1, 1, 42]);
w[1] = 14;
const code = m.exports.execute(65536, 1);
if (code !== 0 || w[48] !== 42) throw new Error('a trial instruction gave code ' + code + ', value ' + w[48]);
`;

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const value = (flag) => (process.argv.includes(flag) ? process.argv[process.argv.indexOf(flag) + 1] : undefined);
  const optional = process.argv.includes('--optional');
  const status = join(root, 'dist', 'native', 'status.json');
  const begin = performance.now();
  const note = (text) => {
    mkdirSync(dirname(status), { recursive: true });
    writeFileSync(status, `${JSON.stringify({ abi: process.versions.modules, reason: text })}\n`);
  };
  try {
    const { built, variants } = await buildNative({
      variants: value('--variants'),
      sanitize: value('--sanitize'),
      force: process.argv.includes('--force'),
    });
    rmSync(status, { force: true });
    console.log(
      built ? `native: built ${variants.join(', ')} in ${((performance.now() - begin) / 1000).toFixed(1)} s` : 'native: up to date',
    );
  } catch (error) {
    note(error.message.split('\n').slice(0, 2).join(' '));
    console.error(`native: not built: ${error.message}${optional ? '\nnative: WebAssembly runs instead' : ''}`);
    if (!optional) process.exitCode = 1;
  }
}
