"""ViViT-L co-finetuned on K700, Moments in Time, Something-Something v2 and AVA v2.2, 512p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 6.
Expected: AVA frame-mAP 32.8 (the text says 32.0).
    From WTS 36.1; no public weights of that set are assumed: yours are named by --cfg-options
    model.backbone.init_cfg.checkpoint=FILE.
Needs: the converted ImageNet-21K ViT (README.md says how); its positions are resized.
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 4,141 + 6,250 + 1,321 = 13,361
    updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_l_k700_mit_sthv2_ava22_512.py 8
"""

_base_ = '../_base_/cofinetune_l.py'

datasets = dict(
    ava={{_base_.recipes.at_512.ava22}},
    k700={{_base_.recipes.at_512.k700}},
    mit={{_base_.recipes.at_512.mit}},
    sthv2={{_base_.recipes.at_512.sthv2}},
)
model = dict(
    backbone=dict(img_size=512, with_cp=True),
    data_preprocessor=dict(size=512),
    heads=dict(
        ava={{_base_.heads.boxes}},
        k700={{_base_.heads.k700}},
        mit={{_base_.heads.mit}},
        sthv2={{_base_.heads.sthv2}},
    ),
)
recipes = heads = None
