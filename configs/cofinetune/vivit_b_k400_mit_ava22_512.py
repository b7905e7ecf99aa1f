"""ViViT-B co-finetuned on Kinetics-400, Moments in Time and AVA v2.2, 512p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 8.
Expected: AVA frame-mAP 31.0.
Needs: the converted ImageNet-21K ViT (README.md says how); its positions are resized.
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 1,875 + 6,250 = 9,774 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_k400_mit_ava22_512.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(
    ava={{_base_.recipes.at_512.ava22}},
    k400={{_base_.recipes.at_512.k400}},
    mit={{_base_.recipes.at_512.mit}},
)
model = dict(
    backbone=dict(img_size=512, with_cp=True),
    data_preprocessor=dict(size=512),
    heads=dict(ava={{_base_.heads.boxes}}, k400={{_base_.heads.k400}}, mit={{_base_.heads.mit}}),
)
recipes = heads = None
