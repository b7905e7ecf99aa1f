"""Stage two on AVA v2.1 without balancing: every annotated box once, on features extracted once.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.3 and Table 5.
Expected: mSAP 41.6, tail 35.1, head 43.5 (Table 5, "Ours + original distribution").
    The paper's mSAP is on another scale than ours: README.md.
Needs: stage one's features, see the config this one inherits from.
GPUs: 1, or CPU cores alone; 1,000 boxes an update. One epoch, as the paper says, has far fewer
    updates than the balanced one's 9,896, and so differs from it in more than what is drawn; to
    train equally long: --cfg-options train_cfg.max_epochs=N param_scheduler.end=N
Command: tools/train.py configs/in_the_wild/nonlocal_i3d_r50_ava21_stage_two_original.py
"""

_base_ = './nonlocal_i3d_r50_ava21_stage_two.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
