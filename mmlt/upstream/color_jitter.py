"""The hues of ``ColorJitter`` under numpy 2."""

from __future__ import annotations

import types


def turn_hues_either_way(module: types.ModuleType):
    """mmaction2's ``ColorJitter`` adds a possibly negative number to hues of type uint8.

    numpy 1 widened them; numpy 2 raises an OverflowError, at every second clip. Here they are
    widened first: of a hue below .3, where nothing overflows the other way, the same pictures.
    """
    import cv2
    import numpy as np

    try:
        np.zeros(1, np.uint8) + -1
    except OverflowError:
        pass
    else:
        return

    def adjust_hue(img, factor):
        hsv = cv2.cvtColor(np.clip(img, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(255 * factor)) % 180
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)

    module.ColorJitter.adjust_hue = staticmethod(adjust_hue)
