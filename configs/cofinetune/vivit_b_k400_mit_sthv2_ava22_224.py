"""ViViT-B co-finetuned on Kinetics-400, Moments in Time, Something-Something v2 and AVA v2.2, 224p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 3, last row. Its cells are lost; they follow from the text (README.md shows how).
Expected: AVA frame-mAP 27.0; medium 34.1, tail 10.1.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 1,875 + 6,250 + 1,321 = 11,095
    updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_k400_mit_sthv2_ava22_224.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(
    ava={{_base_.recipes.at_224.ava22}},
    k400={{_base_.recipes.at_224.k400}},
    mit={{_base_.recipes.at_224.mit}},
    sthv2={{_base_.recipes.at_224.sthv2}},
)
model = dict(
    heads=dict(
        ava={{_base_.heads.boxes}},
        k400={{_base_.heads.k400}},
        mit={{_base_.heads.mit}},
        sthv2={{_base_.heads.sthv2}},
    )
)
recipes = heads = None
