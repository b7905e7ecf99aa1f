"""ViViT-B finetuned on AVA v2.2 after Kinetics-400, 512p: the traditional baseline.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 8 and 5 (its row from WTS).
Expected: frame-mAP 28.5. From a first stage on WTS 33.3; no public weights of that set are assumed:
    load_from takes the path of yours.
Needs: the first stage's checkpoint, of 224p: its positions are resized when it is loaded.
GPUs: 8, 16 clips each (8 x 16 = 128), 20 epochs of 211,000 / 128 = 1,649 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_ava22_512.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(ava={{_base_.recipes.at_512.ava22}})
model = dict(
    backbone=dict(img_size=512, with_cp=True, init_cfg=None),  # all of it from load_from
    data_preprocessor=dict(size=512),
    heads=dict(ava={{_base_.heads.boxes}}),
)
recipes = heads = None

load_from = 'work_dirs/vivit_b_k400_224/epoch_15.pth'
train_cfg = dict(max_epochs=20)
