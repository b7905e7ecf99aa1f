"""SlowFast-R101 on Kinetics-700, from Kinetics-600: the challenge's Task A, and AVA's beginning.

Source: report on a three-branch solution to the 2019 ActivityNet challenge, section 4 and Table 1.
    Its formula of the learning rate has lost a pi, see slowfast_r101_kinetics600.py.
Expected: mean of top-1 and top-5 error 21.59 on the challenge's test set (Table 1), whose labels
    are not public; tested here is val.
Needs: the checkpoint of Kinetics-600; its classifier is left behind.
GPUs: 64, 8 clips each (64 x 8 = 512), 60,000 iterations.
Command: tools/dist_train.sh configs/three_branch/slowfast_r101_kinetics700.py 8
    on each of 8 machines, with NNODES=8 NODE_RANK=0 to 7 MASTER_ADDR and PORT set
"""

_base_ = '../_base_/slowfast_r101_kinetics.py'

load_from = 'work_dirs/slowfast_r101_kinetics600/iter_180000.pth'

data_root = 'data/kinetics700/videos_train'
data_root_val = 'data/kinetics700/videos_val'
ann_file_train = 'data/kinetics700/kinetics700_train_list_videos.txt'
ann_file_val = ann_file_test = 'data/kinetics700/kinetics700_val_list_videos.txt'
num_classes = 700
max_iters, warmup_iters = 60_000, 3_000

train_files = dict(ann_file=ann_file_train, data_prefix=dict(video=data_root))
val_files = dict(ann_file=ann_file_val, data_prefix=dict(video=data_root_val))
train_dataloader = dict(dataset=train_files)
val_dataloader = dict(dataset=val_files)
test_dataloader = dict(dataset=val_files)

model = dict(cls_head=dict(num_classes=num_classes))

train_cfg = dict(
    _delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10_000
)
optim_wrapper = dict(optimizer=dict(lr=0.1))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=warmup_iters),
    dict(type='CosineAnnealingLR', T_max=max_iters, by_epoch=False, begin=0, end=max_iters),
]
