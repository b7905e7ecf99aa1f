"""The demo's baseline: SlowOnly on the toy world in AVA format, two CPU cores or one GPU.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 3.2, made small.
Expected on test: see README.md in this folder.  Time: about 3 minutes on two cores.
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava.py 2
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_ava.py',
    '../_base_/models/slowonly_toy.py',
    '../_base_/schedules/adamw_onecycle_4e.py',
]
