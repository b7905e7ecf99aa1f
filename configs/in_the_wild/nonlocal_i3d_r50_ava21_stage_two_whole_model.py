"""Stage two on AVA v2.1 with nothing frozen: trunk and classifier are trained on the balanced set.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.3 and Table 4,
    which says nothing of this row's schedule: it is that of the classifier alone.
Expected: mSAP 47.3, tail 50.9, head 46.2 (Table 4, "2nd stage all").
    The paper's mSAP is on another scale than ours: README.md.
Needs: stage one's checkpoint; another: --cfg-options custom_hooks.0.checkpoint=FILE.
GPUs: 8; 8 x 5 boxes x 25 passes = 1,000 an update, as in the config this one inherits from.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava21_stage_two_whole_model.py 8
"""

_base_ = './nonlocal_i3d_r50_ava21_stage_two_online.py'

# no FreezeHook; the model keeps its batch norm frozen by itself, as in stage one
custom_hooks = [
    dict(
        type='mmlt.LoadTrunkHook',
        checkpoint={{_base_.stage_one_checkpoint}},
        remade={{_base_.classifier}},
        remade_init='zero',
    ),
]
