// torch.nn.functional: convolutions, pooling, normalisation, losses, attention, shapes of images; and distances.

import { need, type Rows } from './row.ts';

const conv = 'input, weight, bias~, stride?, padding?, dilation?, groups?';
const convTranspose = 'input, weight, bias~, stride?, padding?, output_padding?, groups?, dilation?';
const avgPool = 'input, kernel_size, stride?, padding?, ceil_mode?, count_include_pad?, divisor_override?';
const loss = 'input, target, reduction?';
const dropout = 'input, p?, training?';

/** With return_indices the maximum pools give { values, indices }, by a function of its own name. */
const maxPool = (name: string, adaptive: boolean): Rows[string] => {
  const path = `nn.functional.${name}`;
  return {
    needs: [path],
    call: ([f], { args, kwargs }, lib) => {
      const names = adaptive
        ? ['output_size', 'return_indices']
        : ['kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode', 'return_indices'];
      const all: Record<string, unknown> = { ...kwargs };
      args.slice(1).forEach((v, i) => (all[names[i]] = v));
      const { output_size, kernel_size, return_indices, ceil_mode, ...rest } = all;
      const options: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== null));
      if (ceil_mode !== undefined) options.ceilMode = ceil_mode;
      const size = adaptive ? output_size : kernel_size;
      if (return_indices === true) {
        const g = need(lib, path, `${path}WithIndices`);
        return adaptive ? g(args[0], size) : g(args[0], size, options);
      }
      return adaptive ? f(args[0], size) : f(args[0], size, options);
    },
  };
};

const inFunctional = (rows: Record<string, Rows[string]>): Rows =>
  Object.fromEntries(Object.entries(rows).map(([k, v]) => [`nn.functional.${k}`, v]));

export const functionalRows: Rows = {
  cdist: 'x1, x2, p?, compute_mode!',
  ...inFunctional({
    adaptive_avg_pool1d: 'input, output_size',
    adaptive_avg_pool2d: 'input, output_size',
    adaptive_avg_pool3d: 'input, output_size',
    adaptive_max_pool1d: maxPool('adaptiveMaxPool1d', true),
    adaptive_max_pool2d: maxPool('adaptiveMaxPool2d', true),
    adaptive_max_pool3d: maxPool('adaptiveMaxPool3d', true),
    affine_grid: 'theta, size, align_corners?',
    alpha_dropout: dropout,
    feature_alpha_dropout: dropout,
    dropout,
    dropout1d: dropout,
    dropout2d: dropout,
    dropout3d: dropout,
    avg_pool1d: avgPool,
    avg_pool2d: avgPool,
    avg_pool3d: avgPool,
    max_pool1d: maxPool('maxPool1d', false),
    max_pool2d: maxPool('maxPool2d', false),
    max_pool3d: maxPool('maxPool3d', false),
    max_unpool1d: 'input, indices, kernel_size, stride?, padding?, output_size?',
    max_unpool2d: 'input, indices, kernel_size, stride?, padding?, output_size?',
    lp_pool1d: 'input, norm_type, kernel_size, stride?, ceil_mode?',
    lp_pool2d: 'input, norm_type, kernel_size, stride?, ceil_mode?',
    batch_norm: 'input, running_mean~, running_var~, weight?, bias?, training?, momentum?, eps?',
    bilinear: 'input1, input2, weight, bias~',
    channel_shuffle: 'input, groups',
    conv1d: conv,
    conv2d: conv,
    conv3d: conv,
    conv_transpose1d: convTranspose,
    conv_transpose2d: convTranspose,
    conv_transpose3d: convTranspose,
    cosine_similarity: 'x1, x2, dim?, eps?',
    embedding: 'input, weight, padding_idx?, max_norm?, norm_type?, scale_grad_by_freq?',
    embedding_bag:
      'input, weight, offsets?, max_norm?, norm_type?, scale_grad_by_freq?, mode?, sparse!, per_sample_weights?, include_last_offset?, padding_idx?',
    fold: 'input, output_size, kernel_size, dilation?, padding?, stride?',
    unfold: 'input, kernel_size, dilation?, padding?, stride?',
    grid_sample: 'input, grid, mode?, padding_mode?, align_corners?',
    group_norm: 'input, num_groups, weight?, bias?, eps?',
    instance_norm: 'input, running_mean?, running_var?, weight?, bias?, use_input_stats?, momentum?, eps?',
    interpolate: 'input, size?, scale_factor?, mode?, align_corners?, recompute_scale_factor?, antialias?',
    layer_norm: 'input, normalized_shape, weight?, bias?, eps?',
    linear: 'input, weight, bias~',
    local_response_norm: 'input, size, alpha?, beta?, k?',
    log_softmax: 'input, dim, dtype?',
    softmax: 'input, dim, dtype?',
    softmin: 'input, dim, dtype?',
    normalize: 'input, p?, dim?, eps?',
    pairwise_distance: 'x1, x2, p?, eps?, keepdim?',
    pdist: 'input, p?',
    pixel_shuffle: 'input, upscale_factor',
    pixel_unshuffle: 'input, downscale_factor',
    rms_norm: 'input, normalized_shape, weight?, eps?',
    scaled_dot_product_attention: 'query, key, value, attn_mask?, dropout_p?, is_causal?, scale?, enable_gqa?',
  }),
};

export const lossRows: Rows = inFunctional({
  binary_cross_entropy: 'input, target, weight?, reduction?',
  binary_cross_entropy_with_logits: 'input, target, weight?, reduction?, pos_weight?',
  cosine_embedding_loss: 'input1, input2, target, margin?, reduction?',
  cross_entropy: 'input, target, weight?, ignore_index?, reduction?, label_smoothing?',
  ctc_loss: 'log_probs, targets, input_lengths, target_lengths, blank?, reduction?, zero_infinity?',
  gaussian_nll_loss: 'input, target, var, full?, eps?, reduction?',
  hinge_embedding_loss: 'input, target, margin?, reduction?',
  huber_loss: 'input, target, reduction?, delta?, weight?',
  kl_div: 'input, target, reduction?, log_target?',
  l1_loss: 'input, target, reduction?, weight?',
  margin_ranking_loss: 'input1, input2, target, margin?, reduction?',
  mse_loss: 'input, target, reduction?, weight?',
  multi_margin_loss: 'input, target, p?, margin?, weight?, reduction?',
  multilabel_margin_loss: loss,
  multilabel_soft_margin_loss: 'input, target, weight?, reduction?',
  nll_loss: 'input, target, weight?, ignore_index?, reduction?',
  poisson_nll_loss: 'input, target, log_input?, full?, eps?, reduction?',
  smooth_l1_loss: 'input, target, reduction?, beta?',
  soft_margin_loss: loss,
  triplet_margin_loss: 'anchor, positive, negative, margin?, p?, eps?, swap?, reduction?',
});
