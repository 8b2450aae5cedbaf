// torchvision: boxes, regions and image transforms, in our `vision` package.

import type { Rows } from './row.ts';

const inPackage = (prefix: string, rows: Record<string, string>): Rows =>
  Object.fromEntries(
    Object.entries(rows).map(([name, params]) => {
      const ours = name.replace(/_([a-z])/g, (_, l: string) => l.toUpperCase());
      return [`${prefix}.${name}`, `vision.${ours}|vision.ops.${ours}|vision.transforms.${ours}: ${params}`];
    }),
  );

const boxLoss = 'boxes1, boxes2, reduction?, eps?';

export const visionRows: Rows = {
  ...inPackage('torchvision.ops', {
    box_area: 'boxes',
    box_convert: 'boxes, in_fmt, out_fmt',
    box_iou: 'boxes1, boxes2',
    generalized_box_iou: 'boxes1, boxes2',
    distance_box_iou: 'boxes1, boxes2',
    complete_box_iou: 'boxes1, boxes2',
    generalized_box_iou_loss: boxLoss,
    distance_box_iou_loss: boxLoss,
    complete_box_iou_loss: boxLoss,
    clip_boxes_to_image: 'boxes, size',
    remove_small_boxes: 'boxes, min_size',
    nms: 'boxes, scores, iou_threshold',
    batched_nms: 'boxes, scores, idxs, iou_threshold',
    roi_pool: 'input, boxes, output_size, spatial_scale?',
    roi_align: 'input, boxes, output_size, spatial_scale?, sampling_ratio?, aligned?',
    sigmoid_focal_loss: 'inputs, targets, alpha?, gamma?, reduction?',
  }),
  ...inPackage('torchvision.transforms.functional', {
    adjust_brightness: 'img, brightness_factor',
    adjust_contrast: 'img, contrast_factor',
    adjust_gamma: 'img, gamma, gain?',
    adjust_hue: 'img, hue_factor',
    adjust_saturation: 'img, saturation_factor',
    adjust_sharpness: 'img, sharpness_factor',
    affine: 'img, angle, translate, scale, shear, interpolation?, fill?, center?',
    autocontrast: 'img',
    center_crop: 'img, output_size',
    convert_image_dtype: 'image, dtype',
    crop: 'img, top, left, height, width',
    equalize: 'img',
    erase: 'img, i, j, h, w, v',
    five_crop: 'img, size',
    gaussian_blur: 'img, kernel_size, sigma?',
    get_dimensions: 'img',
    get_image_size: 'img',
    hflip: 'img',
    invert: 'img',
    normalize: 'tensor, mean, std',
    pad: 'img, padding, fill?, padding_mode?',
    perspective: 'img, startpoints, endpoints, interpolation?, fill?',
    posterize: 'img, bits',
    resize: 'img, size, interpolation?, max_size?, antialias?',
    resized_crop: 'img, top, left, height, width, size, interpolation?, antialias?',
    rgb_to_grayscale: 'img, num_output_channels?',
    rotate: 'img, angle, interpolation?, expand?, center?, fill?',
    solarize: 'img, threshold',
    vflip: 'img',
  }),
};
