"""Person boxes without any download: the detector of pedestrians that OpenCV brings along."""

from __future__ import annotations

import math

import cv2
import numpy as np

# The training window of the detector, and the margin around the person in it, px.
_WINDOW_WIDTH, _WINDOW_HEIGHT, _MARGIN = 64, 128, 16
#: Images are brought to this height, px: a person is found from a twelfth of it on.
IMAGE_HEIGHT = 12 * (_WINDOW_HEIGHT - 2 * _MARGIN)
_OVERLAP = 0.5  # of the smaller box


class HOGPersonDetector:
    r"""Upright persons by histograms of oriented gradients: a stand-in for a learned detector.

    A linear SVM judges windows of 64 x 128 pixels at many scales. The person fills the middle of
    the window, "about 16 pixels of margin around the person on all four sides" (Dalal and Triggs),
    so the box that is given is the window without that margin. The image is first brought to a
    height of 1152 pixels, smaller ones enlarged: then the least person that is found, 96 pixels
    high in the window, measures a twelfth of the image's height, whatever the video's size.
    Of boxes that share more than half of the smaller one's area, the best scored stays.

    The score is the logistic function of the SVM's margin m, :math:`1 / (1 + e^{-m})`: it ascends
    with m and is 1/2 on the border. It is no calibrated probability.

    People who sit, lie, are cut off or seen from above are hardly found, and posts and windows at
    times are: boxes for trying things out, not for a data set to be trained in earnest.

    Args:
        score_thr: Boxes scored lower are left out; within (0, 1).

    Raises:
        ImportError: The OpenCV that is installed has no such detector. Names what to install.

    Reference:
        Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
        sections 4 and 6.5. **Differs from reference**: overlapping windows are not joined by mean
        shift, the best one stays as it is.
    """

    def __init__(self, score_thr: float = 0.5) -> None:
        if not 0 < score_thr < 1:
            raise ValueError(f'score_thr must be within (0, 1), got {score_thr}')
        check_hog()
        self.min_margin = math.log(score_thr / (1 - score_thr))
        self._descriptor = None  # made where it is used: it cannot be sent to another process

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Boxes of an image, (n, 5) float64: x1 y1 x2 y2 in fractions of it, score; best first.

        Args:
            image: (H, W, 3) uint8, BGR.
        """
        if self._descriptor is None:
            self._descriptor = cv2.HOGDescriptor()
            self._descriptor.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
        image = _to_height(image, IMAGE_HEIGHT)
        windows, margins = self._descriptor.detectMultiScale(
            image,
            hitThreshold=self.min_margin,
            winStride=(8, 8),
            padding=(8, 8),
            scale=1.05,
            groupThreshold=0,
        )
        windows = np.asarray(windows, np.float64).reshape(-1, 4)
        margins = np.asarray(margins, np.float64).reshape(-1)
        boxes = without_margin(windows)
        kept = suppress_overlaps(boxes, margins)
        height, width = image.shape[:2]
        boxes = np.clip(boxes[kept] / [width, height, width, height], 0, 1)
        return np.column_stack([boxes, 1 / (1 + np.exp(-margins[kept]))])


def check_hog() -> None:
    """See whether OpenCV has the detector: version 5 keeps it in its extra modules.

    Raises:
        ImportError: It has not; names what to install.
    """
    if not hasattr(cv2, 'HOGDescriptor'):
        raise ImportError(
            f'OpenCV {cv2.__version__} as it is installed has no HOGDescriptor, the person detector'
            ' that needs no download: install opencv-contrib-python in place of opencv-python, or '
            'give a detector of mmdet, --detector-config and --detector-checkpoint'
        )


def without_margin(windows: np.ndarray) -> np.ndarray:
    """The box of the person in each window.

    Args:
        windows: (n, 4) x y width height.

    Returns:
        (n, 4) x1 y1 x2 y2.

    Example:
        >>> without_margin(np.array([[100.0, 50, 128, 256]]))
        array([[132.,  82., 196., 274.]])
    """
    x, y, width, height = windows.T
    across, along = width * (_MARGIN / _WINDOW_WIDTH), height * (_MARGIN / _WINDOW_HEIGHT)
    return np.stack([x + across, y + along, x + width - across, y + height - along], axis=1)


def suppress_overlaps(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Keep of boxes that share more than half of the smaller one's area the best scored.

    Args:
        boxes: (n, 4) x1 y1 x2 y2.
        scores: (n,); of equal ones the first counts as better.

    Returns:
        Indices of those that stay, best first.
    """
    order = np.argsort(-scores, kind='stable')
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        corner = np.maximum(boxes[order, :2], boxes[best, :2])
        sides = np.minimum(boxes[order, 2:], boxes[best, 2:]) - corner
        shared = np.prod(np.maximum(sides, 0), axis=1)
        order = order[shared <= _OVERLAP * np.minimum(areas[order], areas[best])]
    return np.array(kept, np.int64)


def _to_height(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    shrinks = height < image.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=how)
