"""Stage one on the toy world: boxes and columns of head classes alone.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Expected: no number of its own; with stage two see configs/in_the_wild/README.md.
Needs: a split, by default the one that tools/two_stage.sh makes from the baseline's AP; another:
    --cfg-options model.roi_head.bbox_head.split_file=FILE
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava_stage_one.py 2
"""

_base_ = './slowonly_toy_ava.py'

model = dict(
    roi_head=dict(
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead',
            split_file='work_dirs/two_stage/slowonly_toy_ava/split.json',
            trained_groups=('head',),
        )
    )
)
