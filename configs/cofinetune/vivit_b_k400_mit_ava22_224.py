"""ViViT-B co-finetuned on Kinetics-400, Moments in Time and AVA v2.2, 224p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 2, 3, 4 (printed as 5 in the text) and 8.
Expected: AVA frame-mAP 26.3; head 66.1, medium 33.7, tail 9.5. K400 top-1 76.7, MiT top-1 38.9.
    With dataset_schedule.strategy=alternating 25.0, 76.4 and 34.8.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 1,875 + 6,250 = 9,774 updates.
    Alternating: as many, a third of them on each set.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_k400_mit_ava22_224.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(
    ava={{_base_.recipes.at_224.ava22}},
    k400={{_base_.recipes.at_224.k400}},
    mit={{_base_.recipes.at_224.mit}},
)
model = dict(
    heads=dict(ava={{_base_.heads.boxes}}, k400={{_base_.heads.k400}}, mit={{_base_.heads.mit}})
)
recipes = heads = None
