"""One small SlowOnly co-finetuned on the toy world's AVA set and on clips of its actors.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.2, made small.
Expected on test: configs/cofinetune/README.md.  Time: about two minutes on two free cores.
    A batch is of one data set, and a plain BatchNorm would be tested on other statistics than it
    has trained with (slowonly_toy_cofinetune_plain_bn.py): each data set has its own. GroupNorm was
    tried: in as many updates it learned nothing of the clips.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune.py 2
"""

_base_ = [
    '../_base_/cofinetune_runtime.py',
    '../_base_/datasets/toy_cofinetune.py',
    '../_base_/models/slowonly_toy_two_heads.py',
    '../_base_/schedules/adamw_onecycle_628i.py',
]

model = dict(
    per_dataset_batch_norm=True, heads=dict(ava=dict(train_cfg={{_base_.rcnn_train_cfg}}))
)

# updates are counted, not passes; the better of two checkpoints on val is kept beside the last
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=157, save_best='ava/mSAP', rule='greater')
)
log_processor = dict(by_epoch=False)
