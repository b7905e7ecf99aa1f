"""Stage two on AVA v2.2, on features extracted once: a linear classifier on a balanced set.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Expected: no number is published on v2.2; on v2.1 mSAP 49.1, tail 53.9, head 47.7 (Table 2).
    The paper's mSAP is on another scale than ours: README.md.
Needs: the features of v2.2's stage one, train and val (README.md says how).
GPUs: 1, or CPU cores alone; 1,000 boxes an update. One epoch is 60 classes x 166,357 boxes of
    "stand" = 10 million boxes, 9,982 updates.
Command: tools/train.py configs/in_the_wild/nonlocal_i3d_r50_ava22_stage_two.py
"""

_base_ = './nonlocal_i3d_r50_ava21_stage_two.py'

feature_root = 'work_dirs/two_stage/nonlocal_i3d_r50_ava22/features'
split_file = 'work_dirs/two_stage/nonlocal_i3d_r50_ava22/split.json'

train_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/train'))
val_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/val'))
test_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/val'))
val_evaluator = dict(
    split_file=split_file,
    ann_file={{_base_.ava22_evaluator.ann_file}},
    exclude_file={{_base_.ava22_evaluator.exclude_file}},
    label_file={{_base_.ava22_evaluator.label_file}},
)
test_evaluator = val_evaluator
