"""ViViT-B co-finetuned on Moments in Time and AVA v2.2, 224p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 1(b).
Expected: AVA frame-mAP 26.1; MiT top-1 38.1.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 6,250 = 7,899 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_mit_ava22_224.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(ava={{_base_.recipes.at_224.ava22}}, mit={{_base_.recipes.at_224.mit}})
model = dict(heads=dict(ava={{_base_.heads.boxes}}, mit={{_base_.heads.mit}}))
recipes = heads = None
