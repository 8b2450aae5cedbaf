// The operands of the rarer instructions, and of any instruction by its opcode.

import { commonRows, InstructionError, Row, type RowOf, type Visitor, type Words } from './operands.ts';

function rowNorm(backward: boolean): RowOf {
  return (r) => {
    r.length(17);
    const size = r.size(2, 'float');
    const [rows, n] = [r.int(3), r.int(4)];
    const [inner, period] = [r.int(5, 1), r.int(6, 1)];
    const kind = r.int(8, 0, 1);
    r.check(n % inner === 0, `${inner} does not divide the ${n} elements of a row`);
    const all = r.product(rows, n);
    const weights = r.product(period, n / inner);
    r.dense(9, 'read', all, size);
    r.dense(10, 'read', weights, size, true);
    r.dense(11, 'read', backward ? all : weights, size, !backward);
    r.dense(12, 'write', all, size, backward);
    if (kind === 0) r.dense(13, backward ? 'read' : 'write', rows, size);
    r.dense(14, backward ? 'read' : 'write', rows, size);
    if (backward) for (const word of [15, 16]) r.dense(word, 'write', weights, size, true);
  };
}

function batchNorm(backward: boolean): RowOf {
  return (r) => {
    r.length(17);
    const size = r.size(2, 'float');
    const [N, C, inner] = r.ints(3, 3);
    const training = r.int(8, 0, 1) === 1;
    const all = r.product(N, C, inner);
    r.dense(9, 'read', all, size);
    r.dense(10, 'read', C, size, true);
    r.dense(11, 'read', backward ? all : C, size, !backward);
    r.dense(12, 'write', all, size, backward);
    for (const word of [13, 14]) r.dense(word, backward ? 'read' : 'write', C, size);
    for (const word of [15, 16]) r.dense(word, backward ? 'write' : training ? 'update' : 'read', C, size, backward || training);
  };
}

function ctc(backward: boolean): RowOf {
  return (r) => {
    r.length(19);
    const size = r.size(2, 'float');
    const [T, N, C, S] = r.ints(3, 4);
    r.int(7);
    r.dense(8, 'read', r.product(T, N, C), size);
    // how long the list of targets is stands in tensors: the longest that fits the shape
    r.dense(9, 'read', 0, 8, true);
    for (const word of [10, 11, 12]) r.dense(word, 'read', N, 8);
    r.dense(13, backward ? 'read' : 'write', N, size);
    r.dense(14, backward ? 'read' : 'write', r.product(N, T, 2 * S + 1), 8);
    if (backward) {
      r.dense(15, 'read', N, size);
      r.dense(16, 'write', r.product(T, N, C), size);
    }
    r.dense(18, 'scratch', r.product(N, 2 * (2 * S + 1) + C), 8, true);
  };
}

const gatesOf = [1, 1, 4, 3];
const slotsOf = [1, 1, 4, 4];

function recurrent(backward: boolean): RowOf {
  return (r) => {
    r.length(backward ? 36 : 23);
    const size = r.size(2, 'float');
    const cell = r.int(3, 0, 3);
    const [T, N, I, H] = [r.int(4, 1), r.int(5), r.int(6, 1), r.int(7, 1)];
    const rows = gatesOf[cell] * H;
    const slots = slotsOf[cell];
    const lstm = cell === 2;
    const steps = r.product(T, N);
    const state = r.product(N, H);
    const kept = r.product(steps, slots * H);
    r.int(8, 0, 1);
    r.dense(9, 'read', r.product(steps, I), size);
    r.dense(10, 'read', r.product(rows, I), size);
    r.dense(11, 'read', r.product(rows, H), size);
    for (const word of [12, 13]) r.dense(word, 'read', rows, size, true);
    for (const word of [14, 15]) r.dense(word, 'read', state, size, true);
    const wide = r.int(17, H);
    r.strided(16, backward ? 'read' : 'write', [steps, H], [wide, 1], size);
    const saved = backward ? 'read' : 'write';
    if (!backward) {
      r.dense(18, 'write', state, size);
      r.dense(19, 'write', state, size, !lstm);
    }
    r.dense(20, saved, kept, size, cell < 2);
    r.dense(21, saved, r.product(steps, H), size, !lstm);
    const work = backward
      ? (H + 48) * rows + N * rows + (17 + Math.ceil(N / 16)) * slots * H
      : slots * (H + 48) * (I + H) + slots * H + 2 * N * (I + H);
    r.dense(22, 'scratch', r.product(work), size);
    if (!backward) return;
    r.strided(23, 'read', [steps, H], [r.int(24, H), 1], size, true);
    for (const word of [25, 26]) r.dense(word, 'read', state, size, true);
    const adds = r.int(35, 0, 1) === 1;
    r.dense(27, adds ? 'update' : 'write', r.product(steps, I), size, true);
    r.dense(28, 'write', r.product(rows, I), size, true);
    r.dense(29, 'write', r.product(rows, H), size, true);
    for (const word of [30, 31]) r.dense(word, 'write', rows, size, true);
    r.dense(32, 'write', state, size);
    r.dense(33, 'write', state, size, !lstm);
    r.dense(34, 'scratch', kept, size);
  };
}

function attention(backward: boolean): RowOf {
  return (r) => {
    r.length(backward ? 56 : 40);
    const size = r.size(2, 'float');
    const [B, heads, keyHeads, L, S] = [r.int(3), r.int(4, 1), r.int(5, 1), r.int(6), r.int(7)];
    const [E, Ev] = [r.int(8, 1, 128), r.int(9, 1, 128)];
    r.check(heads % keyHeads === 0, `${keyHeads} heads of keys do not divide ${heads}`);
    r.int(11, 0, 1);
    r.ints(13, 4);
    r.product(B, heads, L, S);
    const operand = (word: number, access: 'read' | 'write', h: number, rows: number, columns: number): void =>
      r.strided(word, access, [B, h, rows, columns], [...r.strides(word + 1, 3), 1], size);
    operand(17, 'read', heads, L, E);
    operand(21, 'read', keyHeads, S, E);
    operand(25, 'read', keyHeads, S, Ev);
    operand(29, backward ? 'read' : 'write', heads, L, Ev);
    r.dense(33, backward ? 'read' : 'write', r.product(B, heads, L), size);
    const kind = r.int(35, 0, 2);
    if (kind > 0) r.strided(34, 'read', [B, heads, L, S], r.strides(36, 4), kind === 1 ? 1 : size);
    if (!backward) return;
    operand(40, 'read', heads, L, Ev);
    operand(44, 'write', heads, L, E);
    operand(48, 'write', keyHeads, S, E);
    operand(52, 'write', keyHeads, S, Ev);
  };
}

function cholesky(r: Row): void {
  r.length(7);
  const size = r.size(2, 'float');
  const [batches, n] = r.ints(3, 2);
  r.dense(5, 'update', r.product(batches, n, n), size);
  r.dense(6, 'write', batches, 4);
}

function triangularSolve(r: Row): void {
  const size = r.size(2, 'float');
  const [n, m] = r.ints(3, 2);
  const nb = r.int(12, 0, 16);
  r.length(13 + 2 * nb);
  const batch = r.ints(13, nb);
  r.check(r.int(9) === m, 'the row stride of B is not its width');
  r.strided(5, 'read', [...batch, n, n], [...r.strides(13 + nb, nb), ...r.strides(6, 2)], size);
  r.dense(8, 'update', r.product(...batch, n, m), size);
}

function lu(r: Row): void {
  r.length(9);
  const size = r.size(2, 'float');
  const [batches, m, n] = r.ints(3, 3);
  r.dense(6, 'update', r.product(batches, m, n), size);
  r.dense(7, 'write', r.product(batches, Math.min(m, n)), 4);
  r.dense(8, 'write', batches, 4);
}

/** All instructions: name and row by opcode. */
export const instructionRows: Readonly<Record<number, readonly [name: string, row: RowOf]>> = {
  ...commonRows,
  30: ['ROW_NORM_FORWARD', rowNorm(false)],
  31: ['ROW_NORM_BACKWARD', rowNorm(true)],
  32: ['BATCH_NORM_FORWARD', batchNorm(false)],
  33: ['BATCH_NORM_BACKWARD', batchNorm(true)],
  34: ['CTC_FORWARD', ctc(false)],
  35: ['CTC_BACKWARD', ctc(true)],
  40: ['RECURRENT_FORWARD', recurrent(false)],
  41: ['RECURRENT_BACKWARD', recurrent(true)],
  42: ['ATTENTION_FORWARD', attention(false)],
  43: ['ATTENTION_BACKWARD', attention(true)],
  60: ['CHOLESKY', cholesky],
  61: ['TRIANGULAR_SOLVE', triangularSolve],
  62: ['LU', lu],
};

/** The name of an opcode. */
export const instructionName = (opcode: number): string => instructionRows[opcode]?.[0] ?? `opcode ${opcode}`;

/** Visits the operands of an instruction. InstructionError when it contradicts itself. */
export function visitOperands(words: Words, visitor: Visitor): void {
  const entry = Object.hasOwn(instructionRows, words[0]) ? instructionRows[words[0]] : undefined;
  if (entry === undefined) throw new InstructionError(`the opcode ${words[0]} is unknown to this version`);
  entry[1](new Row(words, entry[0], visitor));
}
