"""ViViT-B finetuned on AVA v2.2 after Kinetics-400, 224p: the traditional baseline.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 1, 2, 3 and 8.
Expected: frame-mAP 23.4; head 65.5, medium 29.7, tail 6.9. From Moments in Time 24.8, from
    Kinetics then Moments 25.3, from Moments then Kinetics 25.1.
Needs: the first stage's checkpoint; its heads are left behind. Another: --cfg-options
    load_from=work_dirs/STAGE/epoch_15.pth, of vivit_b_mit_224, vivit_b_k400_then_mit_224 or
    vivit_b_mit_then_k400_224, and a --work-dir of its own.
GPUs: 8, 16 clips each (8 x 16 = 128), 20 epochs of 211,000 / 128 = 1,649 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_ava22_224.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(ava={{_base_.recipes.at_224.ava22}})
model = dict(
    backbone=dict(init_cfg=None),  # all of it from load_from
    heads=dict(ava={{_base_.heads.boxes}}),
)
recipes = heads = None

load_from = 'work_dirs/vivit_b_k400_224/epoch_15.pth'
train_cfg = dict(max_epochs=20)
