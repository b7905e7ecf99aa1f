"""Pre-training on the toy's clips: as many updates as they have when co-finetuned.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.3: the first of two stages, made small.
Expected on test: configs/cofinetune/README.md.  Two passes of 150 updates.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_pretraining.py 2
"""

_base_ = './slowonly_toy_cofinetune_clips_alone.py'

train_cfg = dict(max_iters=300, val_begin=250, val_interval=250)
param_scheduler = dict(total_steps=300)
default_hooks = dict(checkpoint=dict(interval=75))
