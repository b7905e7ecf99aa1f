"""A small 3D ResNet on the toy clips whose classes differ by motion only.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), sections 3 and 4.1, made small.
Expected on test: a large log ratio; see configs/shuffle_bias/README.md.
Time: 2 to 4 minutes on one core.
Command: tools/train.py configs/toy/resnet3d_toy_motion.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_clips.py',
    '../_base_/models/resnet3d_toy.py',
    '../_base_/schedules/adamw_onecycle_20e.py',
]
