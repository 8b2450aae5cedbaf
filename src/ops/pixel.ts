// Rearrangements of channels and pixels.

import { ShapeError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { permute, reshape, transpose } from './view.ts';

function checkFactor(name: string, what: string, r: number): void {
  if (!Number.isInteger(r) || r < 1) throw new ValueError(`${name}: ${what} ${r} must be a whole number of at least 1`);
}

/** Moves channels into the plane (Shi et al., 2016): x [..., C r², H, W] -> [..., C, H r, W r]. ShapeError unless r² divides the channels. */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  const [name, r] = ['pixelShuffle', upscaleFactor];
  checkFactor(name, 'upscaleFactor', r);
  if (x.ndim < 3) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [..., C, H, W]`);
  const [channels, H, W] = x.shape.slice(-3);
  if (channels % (r * r) !== 0)
    throw new ShapeError(`${name}: the ${channels} channels of x ${show(x.shape)} must be divisible by upscaleFactor² (${r * r})`);
  const lead = x.shape.slice(0, -3);
  const C = channels / (r * r);
  const k = lead.length;
  const split = reshape(x, [...lead, C, r, r, H, W]);
  const order = [...lead.map((_, i) => i), k, k + 3, k + 1, k + 4, k + 2];
  return reshape(permute(split, order), [...lead, C, H * r, W * r]);
}

/** Moves pixels into channels, the reverse of pixelShuffle: x [..., C, H r, W r] -> [..., C r², H, W]. */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  const [name, r] = ['pixelUnshuffle', downscaleFactor];
  checkFactor(name, 'downscaleFactor', r);
  if (x.ndim < 3) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [..., C, H, W]`);
  const [C, H, W] = x.shape.slice(-3);
  if (H % r !== 0 || W % r !== 0) throw new ShapeError(`${name}: height and width of x ${show(x.shape)} must be divisible by ${r}`);
  const lead = x.shape.slice(0, -3);
  const k = lead.length;
  const split = reshape(x, [...lead, C, H / r, r, W / r, r]);
  const order = [...lead.map((_, i) => i), k, k + 2, k + 4, k + 1, k + 3];
  return reshape(permute(split, order), [...lead, C * r * r, H / r, W / r]);
}

/** Mixes the channels of `groups` groups (Zhang et al., 2018): channel i of group j goes to place i · groups + j. x [N, C, ...]. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  checkFactor('channelShuffle', 'groups', groups);
  if (x.ndim < 3) throw new ShapeError(`channelShuffle: x is ${show(x.shape)}; expected [N, C, ...] with at least 3 dimensions`);
  const [N, C, ...rest] = x.shape;
  if (C % groups !== 0) throw new ShapeError(`channelShuffle: groups ${groups} must divide the ${C} channels of x ${show(x.shape)}`);
  return reshape(transpose(reshape(x, [N, groups, C / groups, ...rest]), 1, 2), x.shape);
}
