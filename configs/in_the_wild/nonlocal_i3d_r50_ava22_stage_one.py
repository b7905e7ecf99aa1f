"""Stage one on AVA v2.2: non-local I3D-R50 on the boxes and columns of head classes alone.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Expected: no number is published on v2.2; on v2.1, with stage two, mSAP 49.1, tail 53.9, head 47.7.
    The paper's mSAP is on another scale than ours: README.md.
Needs: the split by AP, from the baseline's results on train and val (README.md says how). Another
    file: --cfg-options model.roi_head.bbox_head.split_file=FILE val_evaluator.split_file=FILE
    test_evaluator.split_file=FILE
GPUs: 8, 3 clips each (8 x 3 = 24), 90,000 + 10,000 iterations.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava22_stage_one.py 8
"""

_base_ = './nonlocal_i3d_r50_ava22.py'

split_file = 'work_dirs/two_stage/nonlocal_i3d_r50_ava22/split.json'

model = dict(roi_head=dict(bbox_head=dict(split_file=split_file, trained_groups=('head',))))
val_evaluator = dict(split_file=split_file)
test_evaluator = dict(split_file=split_file)
