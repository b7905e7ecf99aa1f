"""ViViT-B co-finetuned on Kinetics-400 and AVA v2.2, 224p.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 1(a) and 3.
Expected: AVA frame-mAP 25.2; head 65.6, medium 31.8, tail 8.9. K400 top-1 76.2.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 1,875 = 3,524 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_k400_ava22_224.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(ava={{_base_.recipes.at_224.ava22}}, k400={{_base_.recipes.at_224.k400}})
model = dict(heads=dict(ava={{_base_.heads.boxes}}, k400={{_base_.heads.k400}}))
recipes = heads = None
