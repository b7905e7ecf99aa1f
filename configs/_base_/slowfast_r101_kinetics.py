"""mmaction2's SlowFast-R101, 8 slow and 32 fast frames, as the three-branch report trains it.

An experiment adds the set, its classes and the schedule. From the report (2019 ActivityNet
challenge, section 4): batch 512, batch norm statistics of one GPU, momentum .9, weight decay 1e-4,
dropout .5, no limit on the gradients, crops at random in time and space. "Scale jittering as
mentioned in" SlowFast (Feichtenhofer et al. 2019, section 4): short side of 256 to 320, 224 x 224,
flips. Where it is silent: 8 clips on a GPU and 30 views in the test as in SlowFast; one in val.
"""

_base_ = 'mmaction::recognition/slowfast/slowfast_r101_8xb8-8x8x1-256e_kinetics400-rgb.py'

clips_per_gpu = 8  # x 64 GPUs = 512

train_dataloader = dict(
    batch_size=clips_per_gpu,
    dataset=dict(
        pipeline=[
            dict(type='DecordInit'),
            dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1),
            dict(type='DecordDecode'),
            dict(type='RandomRescale', scale_range=(256, 320)),
            dict(type='RandomCrop', size=224),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ]
    ),
)
val_evaluator = dict(_delete_=True, type='mmlt.AverageErrorMetric')  # and its two parts
test_evaluator = dict(_delete_=True, type='mmlt.AverageErrorMetric')

optim_wrapper = dict(clip_grad=None)
auto_scale_lr = dict(enable=False, base_batch_size=512)

# iterations are counted, not epochs
default_hooks = dict(
    checkpoint=dict(
        by_epoch=False, interval=10_000, save_best='error/average', rule='less'
    ),
    resume_state=dict(type='mmlt.ResumeStateHook'),
)
log_processor = dict(by_epoch=False)
custom_imports = dict(imports=['mmlt'], allow_failed_imports=False)
randomness = dict(seed=0)
