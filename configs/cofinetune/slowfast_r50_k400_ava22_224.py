"""mmaction2's SlowFast-R50 co-finetuned on Kinetics-400 and AVA v2.2, 224p: any backbone will do.

Source: the recipe of "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et
    al. 2022) on the network of mmaction2's AVA config; it starts from that one's Kinetics weights.
Expected: no number is published; on AVA alone mmaction2's config has frame-mAP 25.90.
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 1,649 + 1,875 = 3,524 updates.
Command: tools/dist_train.sh configs/cofinetune/slowfast_r50_k400_ava22_224.py 8
"""

_base_ = [
    '../_base_/cofinetune_runtime.py',
    '../_base_/datasets/cofinetune_sets.py',
    '../_base_/models/slowfast_r50_cofinetune.py',
    '../_base_/schedules/sgd_warmup_cosine_15e.py',
]

datasets = dict(ava={{_base_.recipes.at_224.ava22}}, k400={{_base_.recipes.at_224.k400}})
model = dict(heads=dict(ava={{_base_.heads.boxes}}, k400={{_base_.heads.k400}}))
recipes = heads = None

optim_wrapper = dict(clip_grad=dict(max_norm=40))
