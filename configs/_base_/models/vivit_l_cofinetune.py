"""ViViT-L: 1,024 channels, 24 spatial and 24 temporal layers; all else as in ViViT-B.

The paper does not give its layers: these are scenic's for Kinetics. Its configs of other sets have
4 temporal ones: --cfg-options model.backbone.num_layers="(24,4)".

Its start: https://storage.googleapis.com/vit_models/imagenet21k/ViT-L_16.npz
    python tools/convert/vivit_checkpoint.py ViT-L_16.npz --out checkpoints/vivit_l16_in21k.pth
"""

_base_ = './vivit_b_cofinetune.py'

imagenet_checkpoint = 'checkpoints/vivit_l16_in21k.pth'
embed_dims = 1024

heads = dict(
    boxes=dict(bbox_head=dict(in_channels=embed_dims)),
    **{name: dict(in_channels=embed_dims) for name in _base_.clip_sets},
)
model = dict(
    backbone=dict(arch='large', init_cfg=dict(checkpoint=imagenet_checkpoint)),
)
