"""Pictures of a random size, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.datasets.transforms import Resize
from mmcv.transforms import BaseTransform

from mmlt.functional.checks import check_image_size
from mmlt.registry import TRANSFORMS

# what belongs to a box: keys of the boxes, and those with a row for each of them
BOXES = {'gt_bboxes': ('gt_labels', 'entity_ids'), 'proposals': ('scores',)}


@TRANSFORMS.register_module()
class ScaleJitter(BaseTransform):
    """Resize to a random multiple of the largest size that fits, and crop what is larger.

    The ratio is drawn uniformly; 1 makes the picture as large as it fits into ``size``. A larger
    one is cropped to ``size`` at a random place, a smaller one stays as it is, for
    ``mmlt.PaddingDataPreprocessor`` to pad. Height and width keep their ratio. The range is that of
    scenic's ViViT configs (``scale_min_factor``, ``scale_max_factor``).

    Boxes follow, in pixels. A crop takes out the boxes, annotated or proposed, whose centre it does
    not hold, and cuts the others at its border; one that would take out every annotated box is
    moved to the centre of the nearest.

    **Differs from reference** (scenic, through DMVR's scale_jitter_augm): that draws one ratio for
    the height and another for the width; it resizes what has been resized already.

    Required keys: imgs, img_shape, modality. Modified keys: imgs, img_shape, scale_factor,
    keep_ratio; gt_bboxes, gt_labels, entity_ids, proposals, scores where they are there.

    Args:
        size: (H, W) to fit into, or one number for both.
        ratio_range: Least and largest ratio. (1, 1) is a plain resize to fit.
        interpolation: See mmaction2's ``Resize``.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        ratio_range: Sequence[float] = (0.9, 1.33),
        interpolation: str = 'bilinear',
    ) -> None:
        self.size = check_image_size('size', size)
        if len(ratio_range) != 2 or not 0 < ratio_range[0] <= ratio_range[1] < np.inf:
            raise ValueError(f'ratio_range must be (least, largest), got {ratio_range!r}')
        self.ratio_range = tuple(ratio_range)
        self.interpolation = interpolation

    def transform(self, results: dict) -> dict:
        """Resize and crop; see the class."""
        unknown = {'lazy', 'keypoint'}.intersection(results)
        if unknown:
            raise ValueError(f'mmlt.ScaleJitter cannot transform {unknown.pop()!r}')
        height, width = results['img_shape']
        fitting = min(self.size[0] / height, self.size[1] / width)
        ratio = np.random.uniform(*self.ratio_range)  # noqa: NPY002
        results = Resize(float(fitting * ratio), interpolation=self.interpolation)(results)
        shape = np.array(results['img_shape'])
        window = np.minimum(shape, self.size)
        if (window < shape).any():
            _crop(results, np.random.randint(shape - window + 1), window)  # noqa: NPY002
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, ratio_range={self.ratio_range}, '
            f'interpolation={self.interpolation!r})'
        )


def _crop(results: dict, corner: np.ndarray, window: np.ndarray) -> None:
    """Keep ``window`` = (h, w) pixels from ``corner`` = (y, x) on."""
    annotated, shape = results.get('gt_bboxes'), results['img_shape']
    if annotated is not None and len(annotated):
        centres = _centres(annotated, shape)
        missed = np.maximum(corner - centres, 0) + np.maximum(centres - corner - window, 0)
        nearest = centres[missed.sum(axis=1).argmin()]
        corner = np.minimum(corner, np.floor(nearest).astype(int))
        corner = np.maximum(corner, np.ceil(nearest - window).astype(int))
    (top, left), (height, width) = corner.tolist(), window.tolist()
    results['imgs'] = [img[top : top + height, left : left + width] for img in results['imgs']]
    results['img_shape'] = (height, width)
    for key, rows in BOXES.items():
        if results.get(key) is not None:
            centres = _centres(results[key], shape)
            kept = ((centres >= corner) & (centres <= corner + window)).all(axis=1)
            boxes = results[key][kept]
            shift = np.array([left, top, left, top], dtype=boxes.dtype)
            border = np.array([width, height, width, height], dtype=boxes.dtype)
            results[key] = np.clip(boxes - shift, 0, border)
            results.update({row: results[row][kept] for row in rows if row in results})


def _centres(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(n, 2) as (y, x), of (n, 4) boxes, within the picture even where a box reaches beyond."""
    return np.clip((boxes[:, 1::-1] + boxes[:, 3:1:-1]) / 2, 0, shape)
