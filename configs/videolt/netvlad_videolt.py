"""The baseline with NetVLAD. Any other method: its config and the option below.

Source: "VideoLT" (Zhang et al. 2021), section 5.1, Tables 2 and 4, "baseline".
Expected: overall / tail mAP .668 / .584 (ResNet-101), .660 / .554 (TSM).
GPUs: 1.
Option: --cfg-options model.head.type=mmlt.NetVLADHead, to any config of this folder.
Command: tools/train.py configs/videolt/netvlad_videolt.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/videolt_features.py',
    '../_base_/models/netvlad_head_2048.py',
    '../_base_/schedules/adam_step_100e.py',
]

default_hooks = dict(checkpoint=dict(save_best='longtail/mAP', rule='greater'))  # on val
