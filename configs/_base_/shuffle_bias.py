"""What all shuffle-bias experiments share; each adds the files and classes of its data set."""

_base_ = [
    './default_runtime.py',
    './datasets/clips_32x112.py',
    './models/resnet3d_r50_112.py',
    './schedules/sgd_step_250e.py',
]
