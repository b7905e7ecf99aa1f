"""One small ViViT co-finetuned on the toy world's AVA set and on clips of its actors.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    sections 3.1 and 3.2, made small: tokens keep their places, for RoIAlign.
Expected on test: configs/cofinetune/README.md.  Nothing is pre-trained, and it shows.
Command: tools/dist_train.sh configs/toy/vivit_toy_cofinetune.py 2
"""

_base_ = './slowonly_toy_cofinetune.py'

max_lr = 0.001

model = dict(
    per_dataset_batch_norm=False,  # it has none
    backbone=dict(
        _delete_=True,
        type='mmlt.ViViT',
        num_frames=8,
        img_size=(64, 96),
        tubelet_size=(2, 8, 8),  # 8 pixels: the heads' featmap_stride
        embed_dims={{_base_.trunk_channels}},
        num_layers=(3, 1),
        num_heads=(4, 4),
        mlp_dims=(128, 128),
        keep_tokens=True,
    )
)
optim_wrapper = dict(optimizer=dict(lr=max_lr))
param_scheduler = dict(eta_max=max_lr)
