"""Stage two on AVA v2.1 through the frozen trunk, with random crops: a linear classifier, balanced.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
    `nonlocal_i3d_r50_ava21_stage_two.py` is the same on features extracted once, and far faster.
Expected: mSAP 49.1, tail 53.9, head 47.7 (Table 2).
    The paper's mSAP is on another scale than ours: README.md.
Needs: stage one's checkpoint; another: --cfg-options custom_hooks.1.checkpoint=FILE.
GPUs: 8; 8 x 5 boxes x 25 passes = 1,000 an update. One epoch is 60 classes x 164,932 boxes of
    "stand" = 9.9 million boxes, one clip each: 9,896 updates, 247,398 iterations.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava21_stage_two_online.py 8
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ava_12fps.py',
    '../_base_/models/nonlocal_i3d_r50_ava.py',
    '../_base_/schedules/sgd_linear_1e.py',
]

stage_one_checkpoint = 'work_dirs/two_stage/nonlocal_i3d_r50_ava21/stage_one/iter_100000.pth'
split_file = 'work_dirs/two_stage/nonlocal_i3d_r50_ava21/split.json'  # groups in the results
classifier = 'roi_head.bbox_head.fc_cls'

model = dict(roi_head=dict(bbox_head=dict(class_ids={{_base_.custom_classes}})))
train_dataloader = dict(
    batch_size=5,
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate'),
    dataset=dict(pipeline={{_base_.drawn_box_pipeline}}),
)
val_evaluator = dict(split_file=split_file)
test_evaluator = dict(split_file=split_file)

optim_wrapper = dict(accumulative_counts=25)
custom_hooks = [
    dict(type='mmlt.FreezeHook', frozen='*', trained=classifier),
    dict(
        type='mmlt.LoadTrunkHook',
        checkpoint=stage_one_checkpoint,
        remade=classifier,
        remade_init='zero',
    ),
]
auto_scale_lr = dict(base_batch_size=40)  # 8 GPUs x 5 boxes: it does not count passes
# every 1,000 updates
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=25_000))
