"""Stage two on AVA v2.1 upon the baseline's trunk: a first stage on all classes, not head alone.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.3 and Table 3.
Expected: mSAP 47.4, tail 51.8, head 46.1 (Table 3, "1st stage all").
    The paper's mSAP is on another scale than ours: README.md.
Needs: the baseline's features of train and val (README.md says how).
GPUs: 1, or CPU cores alone; 1,000 boxes an update, 9,896 updates.
Command: tools/train.py configs/in_the_wild/nonlocal_i3d_r50_ava21_stage_two_of_baseline.py
"""

_base_ = './nonlocal_i3d_r50_ava21_stage_two.py'

feature_root = 'work_dirs/two_stage/nonlocal_i3d_r50_ava21/baseline_features'

train_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/train'))
val_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/val'))
test_dataloader = dict(dataset=dict(feature_dir=f'{feature_root}/val'))
