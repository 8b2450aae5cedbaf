// What the type checker refuses at the public face. The lines marked @ts-expect-error fail the type check of the repository when they start to
// compile; nothing here runs.

import { expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { autograd, func } from '../../src/index.ts';
import * as F from '../../src/nn/functional.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

/** Takes the types of an expression without running it. */
const types = (_: () => void): void => {};
const same = <T>(_: T): void => {};
declare const x: ft.Tensor;

types(() => {
  // tensors: wrong arguments
  // @ts-expect-error a shape is a list
  ft.zeros(3);
  // @ts-expect-error dtypes are known names
  ft.zeros([3], { dtype: 'float31' });
  // @ts-expect-error an option that does not exist
  ft.zeros([3], { dType: 'float32' });
  // @ts-expect-error a string is no operand
  x.add('1');
  // @ts-expect-error matmul needs an operand
  x.matmul();
  // @ts-expect-error numbers are no matrices
  ft.matmul(x, 2);
  // @ts-expect-error keepdim is one word
  x.sum({ dim: 1, keepDim: true });
  // @ts-expect-error booleans are never positional
  x.sum(1, true);
  // @ts-expect-error permute takes a list
  x.permute(0, 1);
  // @ts-expect-error an index tensor, not a number
  x.indexSelect(0, 1);
  // @ts-expect-error unknown rounding
  x.div(2, { roundingMode: 'ceil' });
  // @ts-expect-error cat takes a list of tensors
  ft.cat(x, x);
  // @ts-expect-error there is no such method
  x.adds(1);
  same<ft.Tensor>(x.max());
  same<{ values: ft.Tensor; indices: ft.Tensor }>(x.max(1));
  // @ts-expect-error with a dimension, max gives values and indices
  same<ft.Tensor>(x.max(1));
});

types(() => {
  // automatic differentiation
  same<ft.Tensor[]>(ft.grad(x, x));
  same<(ft.Tensor | null)[]>(ft.grad(x, x, { allowUnused: true }));
  // @ts-expect-error with allowUnused a gradient may be null
  same<ft.Tensor[]>(ft.grad(x, x, { allowUnused: true }));
  // @ts-expect-error misspelt
  x.backward({ retaingraph: true });
  // @ts-expect-error a hook gives a tensor or nothing
  x.registerHook(() => 3);
  // @ts-expect-error noGrad takes a function
  ft.noGrad(x);
  same<number>(ft.noGrad(() => 3));

  class Scale extends autograd.Function {
    static forward(ctx: autograd.FunctionContext<{ by: number }>, t: ft.Tensor, by: number): ft.Tensor {
      ctx.state = { by };
      return t.mul(by);
    }
    static backward(ctx: autograd.FunctionContext<{ by: number }>, g: ft.Tensor): [ft.Tensor, null] {
      // @ts-expect-error the state has no such field
      ctx.state.factor;
      return [g.mul(ctx.state.by), null];
    }
  }
  same<ft.Tensor>(Scale.apply(x, 2));
  // @ts-expect-error the arguments are those of forward
  Scale.apply(x);
  // @ts-expect-error in their types
  Scale.apply(x, '2');
  class Half extends autograd.Function {
    static forward(_: autograd.FunctionContext, t: ft.Tensor): ft.Tensor {
      return t;
    }
  }
  // @ts-expect-error backward is missing
  Half.apply(x);
  same<[ft.Tensor, ft.Tensor]>(
    autograd.customFunction({ name: 'two', forward: (_, t: ft.Tensor): [ft.Tensor, ft.Tensor] => [t, t], backward: (_, a) => a })(x),
  );
  same<ft.Tensor>(ft.checkpoint((a: ft.Tensor, n: number) => a.mul(n), x, 2));
  // @ts-expect-error an argument of the function is missing
  ft.checkpoint((a: ft.Tensor, n: number) => a.mul(n), x);
  // @ts-expect-error 'fast' is no mode
  autograd.gradcheck((a) => a, x, { mode: 'fast' });
});

types(() => {
  // transforms keep the form of the arguments
  const loss = (p: { w: ft.Tensor }, n: ft.Tensor): ft.Tensor => p.w.mul(n).sum();
  same<{ w: ft.Tensor }>(func.grad(loss)({ w: x }, x));
  same<ft.Tensor>(func.grad(loss, { argnums: 1 })({ w: x }, x));
  same<readonly [{ w: ft.Tensor }, ft.Tensor]>(func.grad(loss, { argnums: [0, 1] })({ w: x }, x));
  same<[ft.Tensor, { w: ft.Tensor }]>(func.valueAndGrad(loss)({ w: x }, x));
  // @ts-expect-error the first argument is an object
  func.grad(loss)(x, x);
  // @ts-expect-error the function must give a tensor
  func.grad((a: ft.Tensor) => a.shape);
  // @ts-expect-error misspelt
  func.vmap((a: ft.Tensor) => a, { indims: 0 });
  const [, back] = func.vjp((a: ft.Tensor) => ({ twice: a }), x);
  // @ts-expect-error cotangents have the form of the value
  back(x);
  // @ts-expect-error tangents have the form of the arguments
  func.jvp((a: ft.Tensor) => a, [x], x);
  same<ft.Tensor>(autograd.functional.jacobian((a: ft.Tensor) => a, x));
  same<ft.Tensor[][]>(autograd.functional.hessian((a: ft.Tensor, b: ft.Tensor) => a.mul(b).sum(), [x, x]));
});

/** A module from one tensor to two. */
class Split extends nn.Module<[ft.Tensor], [ft.Tensor, ft.Tensor]> {
  forward(t: ft.Tensor): [ft.Tensor, ft.Tensor] {
    return [t, t];
  }
}
class Join extends nn.Module<[[ft.Tensor, ft.Tensor]], ft.Tensor> {
  forward([a, b]: [ft.Tensor, ft.Tensor]): ft.Tensor {
    return a.add(b);
  }
}

types(() => {
  // modules
  same<ft.Tensor>(new nn.Linear(2, 3)(x));
  // @ts-expect-error a module takes tensors
  new nn.Linear(2, 3)([1, 2]);
  // @ts-expect-error sizes are numbers
  new nn.Linear('2', 3);
  // @ts-expect-error the second size is missing
  new nn.Linear(2);
  // @ts-expect-error misspelt
  new nn.Conv2d(1, 2, 3, { paddings: 1 });
  // @ts-expect-error two ends that do not fit
  new nn.Sequential(new Split(), new nn.Linear(2, 3));
  // @ts-expect-error the other way round
  new nn.Sequential(new nn.Linear(2, 3), new Join());
  same<ft.Tensor>(new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new Split(), new Join())(x));
  same<[ft.Tensor, ft.Tensor]>(new nn.Sequential(new nn.ReLU(), new Split())(x));
  // @ts-expect-error the last module gives two tensors
  same<ft.Tensor>(new nn.Sequential(new nn.ReLU(), new Split())(x));
  // @ts-expect-error reductions are known names
  F.mseLoss(x, x, { reduction: 'average' });
  // @ts-expect-error the target is missing
  F.crossEntropy(x);
  // @ts-expect-error misspelt
  new optim.Adam([x], { learningRate: 0.1 });
  // @ts-expect-error parameters are a list
  new optim.SGD(x, { lr: 0.1 });
});

test('the marked lines are refused by the type checker, which reads this file in `npm run check`', () => {
  expect(types).toBeTypeOf('function');
});
