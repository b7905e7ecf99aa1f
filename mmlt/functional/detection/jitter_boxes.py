"""Boxes as another detector might have drawn them."""

from __future__ import annotations

from torch import Tensor, stack

from mmlt.functional.checks import check_real


def jitter_boxes(
    boxes_xyxy: Tensor, *, ratio: float, image_size: tuple[float, float], uniform: Tensor
) -> Tensor:
    r"""Move each side of each box by a random share of the box's width or height.

    .. math::
        x_i' = x_i + (2 u_i - 1) \, r \, w, \qquad y_i' = y_i + (2 v_i - 1) \, r \, h

    with w, h the sides of the box as it was; then the box is cut at the border of the picture.

    Shapes: n boxes.

    Args:
        boxes_xyxy: (n, 4), x1 y1 x2 y2, in the unit of image_size.
        ratio: r in [0, 0.5]: no box is turned inside out. 0 only cuts.
        image_size: (H, W) of the picture.
        uniform: (n, 4) draws u1 v1 u2 v2 from [0, 1), as ``torch.rand`` makes them.

    Returns:
        (n, 4) in the dtype of the boxes; the input is left as it is.

    Raises:
        ValueError: Shapes that differ, a ratio outside of [0, 0.5].

    Reference:
        Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022,
        appendix 0.A.1: "random jittering on the person detections [...] with a maximum perturbation
        ratio of 0.15". The paper does not give the distribution; this is that of
        ``random_jitter_boxes`` in TensorFlow's Object Detection API.

    Example:
        >>> import torch
        >>> boxes, draws = torch.tensor([[20.0, 40, 40, 80]]), torch.tensor([[0.0, 0.5, 0.75, 1]])
        >>> jitter_boxes(boxes, ratio=0.2, image_size=(84, 100), uniform=draws)
        tensor([[16., 40., 42., 84.]])
    """
    ratio = check_real('ratio', ratio, 0, 0.5)
    if boxes_xyxy.ndim != 2 or boxes_xyxy.shape[1] != 4 or boxes_xyxy.shape != uniform.shape:
        raise ValueError(
            f'boxes_xyxy and uniform must both have shape (n, 4), got {tuple(boxes_xyxy.shape)} '
            f'and {tuple(uniform.shape)}'
        )
    sides = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).repeat(1, 2)
    moved = boxes_xyxy + (2 * uniform - 1) * ratio * sides
    height, width = image_size
    x1, y1, x2, y2 = moved.unbind(1)
    x1, x2 = x1.clamp(0, width), x2.clamp(0, width)
    return stack([x1, y1.clamp(0, height), x2, y2.clamp(0, height)], dim=1).to(boxes_xyxy.dtype)
