"""mmaction2's SlowFast network, whose new non-local blocks begin as the identity."""

from __future__ import annotations

import copy

from mmaction.models.backbones import ResNet3dSlowFast as _ResNet3dSlowFast
from mmcv.cnn import NonLocal3d

from mmlt.registry import MODELS


@MODELS.register_module()
class ResNet3dSlowFast(_ResNet3dSlowFast):
    """mmaction2's ``ResNet3dSlowFast``; its non-local blocks keep the weights they were made with.

    A block that is put into a trained network must change nothing at first (Wang et al.,
    "Non-local Neural Networks", CVPR 2018, section 3.3): mmcv makes it with zeros in its last
    layer. mmaction2's ``init_weights`` goes over all convolutions and batch norms of a pathway,
    those of the blocks too, and weights without such blocks, loaded after, leave it at that.

    Under frozen batch norm say ``non_local_cfg=dict(norm_cfg=None, ...)``: then the zeros are in
    the block's last convolution, which is trained. In a frozen batch norm they would stay.

    Args: those of mmaction2's ``ResNet3dSlowFast``.
    """

    def init_weights(self, pretrained: str | None = None) -> None:
        """As mmaction2's; but the blocks are new, unless ``pretrained`` holds them too."""
        blocks = [module for module in self.modules() if isinstance(module, NonLocal3d)]
        made = [copy.deepcopy(block.state_dict()) for block in blocks]
        super().init_weights(pretrained)
        if self.pretrained is None:
            for block, weights in zip(blocks, made):
                block.load_state_dict(weights)
