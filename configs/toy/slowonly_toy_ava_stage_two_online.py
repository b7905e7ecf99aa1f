"""Stage two on the toy world through the frozen trunk: what the cached road must equal.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Expected: as slowonly_toy_ava_stage_two.py, in some hundred times its time.
Needs: stage one's checkpoint; another: --cfg-options custom_hooks.1.checkpoint=FILE.
    2 ranks x 20 boxes x 25 passes = 1,000 an update.
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava_stage_two_online.py 2
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_ava.py',
    '../_base_/models/slowonly_toy.py',
    '../_base_/schedules/sgd_linear_1e.py',
]

classifier = 'roi_head.bbox_head.fc_cls'

model = dict(roi_head=dict(bbox_head=dict(type='mmlt.LongTailBBoxHead', dropout_before_pool=False)))
train_dataloader = dict(
    batch_size=20,
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate'),
    dataset=dict(pipeline={{_base_.drawn_box_pipeline}}),
)
optim_wrapper = dict(optimizer=dict(lr=3.0, weight_decay=0.0), accumulative_counts=25)
custom_hooks = [
    dict(type='mmlt.FreezeHook', frozen='*', trained=classifier),
    dict(
        type='mmlt.LoadTrunkHook',
        checkpoint='work_dirs/two_stage/slowonly_toy_ava/stage_one/epoch_4.pth',
        remade=classifier,
        remade_init='zero',
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=40)  # 2 ranks x 20: the passes are not counted
