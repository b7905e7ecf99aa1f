"""Non-local I3D-R50 on AVA v2.1, trained on a balanced set from the start.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.1 and Table 2.
    Boxes are drawn singly, those of rare classes repeated until all classes are level.
Expected: mSAP 41.9, tail 47.6, head 40.2 (Table 2, "Balancing"); frame-mAP 11.3 (section 5.1).
    The paper's mSAP is on another scale than ours: README.md.
GPUs: 8, 3 boxes each (8 x 3 = 24), 90,000 + 10,000 iterations of 9.9 million / 24 = 412,330 for
    one pass over the balanced set.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava21_balanced.py 8
"""

_base_ = './nonlocal_i3d_r50_ava21.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate'),
    dataset=dict(pipeline={{_base_.drawn_box_pipeline}}),
)
