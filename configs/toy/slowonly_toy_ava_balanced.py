"""The toy detector trained on a balanced set from the start: rare boxes repeated.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.1.
Expected: configs/in_the_wild/README.md.  As many clips an epoch as the baseline has keyframes.
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava_balanced.py 2
"""

_base_ = './slowonly_toy_ava.py'

train_dataloader = dict(
    sampler=dict(
        _delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate', num_samples=2616
    ),
    dataset=dict(pipeline={{_base_.drawn_box_pipeline}}),
)
