"""Finetuning on the toy's AVA set: as many updates as it has when co-finetuned.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.3: the second of two stages, made small. The trunk is the pre-training's, head and
    optimiser are new.
Expected on test: configs/cofinetune/README.md.  Two passes of 164 updates.
Needs: the pre-training's checkpoint; another: --cfg-options custom_hooks.0.checkpoint=FILE.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_finetuning.py 2
"""

_base_ = './slowonly_toy_cofinetune_ava_alone.py'

train_cfg = dict(max_iters=328, val_begin=273, val_interval=273)
param_scheduler = dict(total_steps=328)
default_hooks = dict(checkpoint=dict(interval=82))
custom_hooks = [
    dict(
        type='mmlt.LoadTrunkHook',
        checkpoint='work_dirs/slowonly_toy_cofinetune_pretraining/iter_300.pth',
        remade='heads',
    ),
]
