"""Non-local I3D-R50 on AVA v2.1: the paper's baseline, all classes as they come.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), sections 3.2 and 3.3.
    Table 3's "1st stage all" is this run followed by stage two on its checkpoint.
Expected: mSAP 47.8, tail 47.7, head 47.8 (Table 2); frame-mAP 16.7 (Table 1).
    The paper's mSAP is on another scale than ours: README.md.
GPUs: 8, 3 clips each (8 x 3 = 24), 90,000 + 10,000 iterations.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava21.py 8
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ava_12fps.py',
    '../_base_/models/nonlocal_i3d_r50_ava.py',
    '../_base_/schedules/sgd_step_100k_iters.py',
]

load_from = {{_base_.kinetics_checkpoint}}

model = dict(roi_head=dict(bbox_head=dict(class_ids={{_base_.custom_classes}})))

# iterations are counted, not epochs
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10_000))
log_processor = dict(by_epoch=False)
