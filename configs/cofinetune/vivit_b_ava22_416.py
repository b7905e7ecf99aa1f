"""ViViT-B finetuned on AVA v2.2 after Kinetics-400, 416p: the traditional baseline.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 8.
Expected: frame-mAP 27.5.
Needs: the first stage's checkpoint, of 224p: its positions are resized when it is loaded.
GPUs: 8, 16 clips each (8 x 16 = 128), 20 epochs of 211,000 / 128 = 1,649 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_ava22_416.py 8
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(ava={{_base_.recipes.at_416.ava22}})
model = dict(
    backbone=dict(img_size=416, init_cfg=None),  # all of it from load_from
    data_preprocessor=dict(size=416),
    heads=dict(ava={{_base_.heads.boxes}}),
)
recipes = heads = None

load_from = 'work_dirs/vivit_b_k400_224/epoch_15.pth'
train_cfg = dict(max_epochs=20)
