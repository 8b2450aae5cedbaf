// The face of vision: image files, transforms, boxes, regions of interest, and folders of images as data sets.

import '../tensor/methods.ts';
import '../autograd/setup.ts';

export {
  type BoxFormat,
  batchedNms,
  boxArea,
  boxConvert,
  boxIou,
  clipBoxesToImage,
  completeBoxIou,
  distanceBoxIou,
  generalizedBoxIou,
  masksToBoxes,
  nms,
  removeSmallBoxes,
} from './boxes.ts';
export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  convertImageDtype,
  equalize,
  gaussianBlur,
  invert,
  normalize,
  posterize,
  rgbToGrayscale,
  solarize,
} from './color.ts';
export {
  affine,
  type CenterOptions,
  centerCrop,
  crop,
  erase,
  fiveCrop,
  getDimensions,
  getImageSize,
  hflip,
  type PaddingMode,
  type PadImageOptions,
  pad,
  perspective,
  type ResizeOptions,
  type RotateOptions,
  resize,
  resizedCrop,
  rotate,
  vflip,
  type WarpOptions,
} from './geometry.ts';
export {
  decodeImage,
  encodeImage,
  type ImageMode,
  type ReadImageOptions,
  readImage,
  type WriteImageOptions,
  writeImage,
} from './image-file.ts';
export { ImageFolder, type ImageFolderOptions } from './image-folder.ts';
export {
  type BoxLossOptions,
  completeBoxIouLoss,
  distanceBoxIouLoss,
  type FocalLossOptions,
  generalizedBoxIouLoss,
  sigmoidFocalLoss,
} from './losses.ts';
export { type Regions, type RoiAlignOptions, type RoiPoolOptions, roiAlign, roiPool } from './roi.ts';
export * from './transforms.ts';
export * from './transforms-random.ts';
