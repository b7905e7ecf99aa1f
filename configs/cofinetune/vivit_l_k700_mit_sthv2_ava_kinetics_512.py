"""ViViT-L co-finetuned on K700, Moments in Time, Something-Something v2 and AVA-Kinetics, 512p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 7 (its cells are lost) and section 4.3.2. Model and sets are not named: Table 6's best.
Expected: frame-mAP 47.0 on annotated boxes, on KineticsBox and overall. From WTS, on detected
    persons, 36.2.
Needs: the converted ImageNet-21K ViT (README.md says how); its positions are resized.
    On annotated boxes, in testing: --cfg-options
    datasets.ava_kinetics.test.persons=ground_truth.
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs.
Command: tools/dist_train.sh configs/cofinetune/vivit_l_k700_mit_sthv2_ava_kinetics_512.py 8
"""

_base_ = '../_base_/cofinetune_l.py'

datasets = dict(
    ava_kinetics={{_base_.recipes.at_512.ava_kinetics}},
    k700={{_base_.recipes.at_512.k700}},
    mit={{_base_.recipes.at_512.mit}},
    sthv2={{_base_.recipes.at_512.sthv2}},
)
model = dict(
    backbone=dict(img_size=512, with_cp=True),
    data_preprocessor=dict(size=512),
    heads=dict(
        ava_kinetics={{_base_.heads.boxes}},
        k700={{_base_.heads.k700}},
        mit={{_base_.heads.mit}},
        sthv2={{_base_.heads.sthv2}},
    ),
)
recipes = heads = None
