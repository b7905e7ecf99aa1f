"""SlowFast-R101 on Kinetics-600: the first of two pre-trainings.

Source: report on a three-branch solution to the 2019 ActivityNet challenge, section 4. Its formula
    of the learning rate, .5 lr (cos(iter / itermax) + 1), has lost a pi: it would end at .77 lr.
Expected: no number is published.
GPUs: 64, 8 clips each (64 x 8 = 512), 180,000 iterations. On fewer the batch norm has the same 8
    clips; scale the learning rate: --auto-scale-lr.
Command: tools/dist_train.sh configs/three_branch/slowfast_r101_kinetics600.py 8
    on each of 8 machines, with NNODES=8 NODE_RANK=0 to 7 MASTER_ADDR and PORT set
"""

_base_ = '../_base_/slowfast_r101_kinetics.py'

data_root = 'data/kinetics600/videos_train'
data_root_val = 'data/kinetics600/videos_val'
ann_file_train = 'data/kinetics600/kinetics600_train_list_videos.txt'
ann_file_val = ann_file_test = 'data/kinetics600/kinetics600_val_list_videos.txt'
num_classes = 600
max_iters, warmup_iters = 180_000, 4_000

train_files = dict(ann_file=ann_file_train, data_prefix=dict(video=data_root))
val_files = dict(ann_file=ann_file_val, data_prefix=dict(video=data_root_val))
train_dataloader = dict(dataset=train_files)
val_dataloader = dict(dataset=val_files)
test_dataloader = dict(dataset=val_files)

model = dict(cls_head=dict(num_classes=num_classes))

train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10_000
)
optim_wrapper = dict(optimizer=dict(lr=0.4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=warmup_iters),
    dict(type='CosineAnnealingLR', T_max=max_iters, by_epoch=False, begin=0, end=max_iters),
]
