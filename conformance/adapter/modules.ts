// Constructors of modules, optimizers and schedulers: PyTorch's parameters in their order, as in the rows of functions.

import type { Rows } from './row.ts';

const many = (names: string, params: string): Record<string, string> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((n) => [`nn.${n}`, params]),
  );

const conv = 'in_channels, out_channels, kernel_size, stride?, padding?, dilation?, groups?, bias?, padding_mode?';
const convTranspose =
  'in_channels, out_channels, kernel_size, stride?, padding?, output_padding?, groups?, bias?, dilation?, padding_mode?';
const recurrent = 'input_size, hidden_size, num_layers?, nonlinearity?, bias?, batch_first?, dropout?, bidirectional?, proj_size?';
const transformerLayer = 'd_model, nhead, dim_feedforward?, dropout?, activation?, layer_norm_eps?, batch_first?, norm_first?, bias?';

export const moduleRows: Rows = {
  ...many('Hardsigmoid Hardswish Identity LogSigmoid Mish ReLU ReLU6 SELU SiLU Sigmoid Softsign Tanh Tanhshrink Softmax2d', 'inplace!'),
  ...many('Conv1d Conv2d Conv3d', conv),
  ...many('ConvTranspose1d ConvTranspose2d ConvTranspose3d', convTranspose),
  ...many('BatchNorm1d BatchNorm2d BatchNorm3d', 'num_features, eps?, momentum?, affine?, track_running_stats?'),
  ...many('InstanceNorm1d InstanceNorm2d InstanceNorm3d', 'num_features, eps?, momentum?, affine?, track_running_stats?'),
  ...many('Dropout Dropout1d Dropout2d Dropout3d', 'p~'),
  ...many('RNN LSTM GRU', recurrent),
  ...many('GRUCell LSTMCell', 'input_size, hidden_size, bias?'),
  ...many('AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool2d', 'output_size'),
  ...many('MaxPool1d MaxPool2d', 'kernel_size, stride?, padding?, dilation?, return_indices?, ceil_mode?'),
  ...many('AvgPool1d AvgPool2d', 'kernel_size, stride?, padding?, ceil_mode?, count_include_pad?'),
  ...many('L1Loss MSELoss', 'reduction?'),
  ...many('Softmax LogSoftmax Softmin', 'dim'),
  ...many('Hardshrink Softshrink', 'lambd?'),
  ...many('CELU ELU', 'alpha?'),
  ...many('ReflectionPad1d ReflectionPad2d ZeroPad2d ReplicationPad2d', 'padding'),
  'nn.RNNCell': 'input_size, hidden_size, bias?, nonlinearity?',
  'nn.BCEWithLogitsLoss': 'weight?, reduction?, pos_weight?',
  'nn.Bilinear': 'in1_features, in2_features, out_features, bias?',
  'nn.CosineSimilarity': 'dim?, eps?',
  'nn.CrossEntropyLoss': 'weight?, ignore_index?, reduction?, label_smoothing?',
  'nn.NLLLoss': 'weight?, ignore_index?, reduction?',
  'nn.KLDivLoss': 'reduction?, log_target?',
  'nn.HuberLoss': 'reduction?, delta?',
  'nn.SmoothL1Loss': 'reduction?, beta?',
  'nn.TripletMarginLoss': 'margin?, p?, eps?, swap?, reduction?',
  'nn.PairwiseDistance': 'p?, eps?, keepdim?',
  'nn.Embedding': 'num_embeddings, embedding_dim, padding_idx?',
  'nn.EmbeddingBag': 'num_embeddings, embedding_dim, mode?',
  'nn.Flatten': 'start_dim?, end_dim?',
  'nn.Unflatten': 'dim, unflattened_size',
  'nn.GELU': 'approximate?',
  'nn.GLU': 'dim?',
  'nn.GroupNorm': 'num_groups, num_channels, eps?, affine?',
  'nn.LayerNorm': 'normalized_shape, eps?, elementwise_affine?, bias?',
  'nn.RMSNorm': 'normalized_shape, eps?, elementwise_affine?',
  'nn.Hardtanh': 'min_val?, max_val?',
  'nn.LeakyReLU': 'negative_slope~',
  'nn.Linear': 'in_features, out_features, bias?',
  'nn.LocalResponseNorm': 'size, alpha?, beta?, k?',
  'nn.MultiheadAttention': 'embed_dim, num_heads, dropout?, bias?, add_bias_kv?, add_zero_attn?, kdim?, vdim?, batch_first?',
  'nn.PReLU': 'num_parameters?, init?',
  'nn.PixelShuffle': 'upscale_factor',
  'nn.Sequential': '...modules',
  'nn.Softplus': 'beta?, threshold?',
  'nn.Threshold': 'threshold, value',
  'nn.Transformer':
    'd_model?, nhead?, num_encoder_layers?, num_decoder_layers?, dim_feedforward?, dropout?, activation?, batch_first?, norm_first?',
  'nn.TransformerDecoderLayer': transformerLayer,
  'nn.TransformerEncoderLayer': transformerLayer,
  'nn.TransformerEncoder': 'encoder_layer, num_layers, norm?, enable_nested_tensor!',
  'nn.Unfold': 'kernel_size, dilation?, padding?, stride?',
  'nn.Upsample': 'size?, scale_factor?, mode?, align_corners?',
};

/** Positional arguments and keywords of a module's call: keywords of PyTorch's forward go into our options. */
export const forwardRows: Rows = {
  'nn.MultiheadAttention': 'query, key, value, key_padding_mask?, need_weights?, attn_mask?, average_attn_weights?, is_causal?',
  'nn.TransformerEncoderLayer': 'src, src_mask?, src_key_padding_mask?, is_causal?',
  'nn.TransformerEncoder': 'src, mask?, src_key_padding_mask?, is_causal?',
  'nn.TransformerDecoderLayer': 'tgt, memory, tgt_mask?, memory_mask?, tgt_key_padding_mask?, memory_key_padding_mask?, tgt_is_causal?',
  'nn.Transformer':
    'src, tgt, src_mask?, tgt_mask?, memory_mask?, src_key_padding_mask?, tgt_key_padding_mask?, memory_key_padding_mask?, tgt_is_causal?',
};
