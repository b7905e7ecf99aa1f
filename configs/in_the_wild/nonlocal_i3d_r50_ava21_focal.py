"""Non-local I3D-R50 on AVA v2.1 with focal loss.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.1 and Table 2;
    gamma 2, the optimum of Lin et al. 2017. The paper names no alpha: 1 here.
Expected: mSAP 43.4, tail 41.1, head 44.2 (Table 2).
    The paper's mSAP is on another scale than ours: README.md.
GPUs: 8, 3 clips each (8 x 3 = 24), 90,000 + 10,000 iterations.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava21_focal.py 8
"""

_base_ = './nonlocal_i3d_r50_ava21.py'

model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='mmlt.FocalLoss', gamma=2.0))))
