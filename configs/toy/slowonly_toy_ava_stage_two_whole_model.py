"""Stage two on the toy world with nothing frozen: trunk and classifier on the balanced set.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.3, Table 4.
Expected: configs/in_the_wild/README.md.  Three epochs of as many clips as there are keyframes:
    one and two were tried as well, on val.
Needs: stage one's checkpoint; another: --cfg-options custom_hooks.0.checkpoint=FILE.
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava_stage_two_whole_model.py 2
"""

_base_ = './slowonly_toy_ava_balanced.py'

train_cfg = dict(max_epochs=3, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=0.002))
param_scheduler = dict(
    _delete_=True, type='LinearLR', end_factor=0.1, start_factor=1.0, by_epoch=True, begin=0, end=3,
    convert_to_iter_based=True,
)
custom_hooks = [
    dict(
        type='mmlt.LoadTrunkHook',
        checkpoint='work_dirs/two_stage/slowonly_toy_ava/stage_one/epoch_4.pth',
        remade='roi_head.bbox_head.fc_cls',
        remade_init='zero',
    ),
]
