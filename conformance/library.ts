// The library under test as the adapter and the runner see it.

import * as distributions from '../src/distributions/index.ts';
import * as ft from '../src/index.ts';
import * as nn from '../src/nn/index.ts';
import * as optim from '../src/optim/index.ts';
import * as vision from '../src/vision/index.ts';
import type { Library } from './adapter/index.ts';

export { ft };
export type Tensor = ft.Tensor;

/** Every public name; fields under the names that PyTorch uses for them. */
export const library: Library = { ...ft, nn, optim, distributions, vision };
