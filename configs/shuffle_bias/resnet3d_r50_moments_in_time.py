"""3D ResNet-50 from scratch on Moments in Time, tested in order and with shuffled frames.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), Table 1.
Expected: accuracy 27.1 in order, 14.2 shuffled, log ratio 0.65 (the paper's).
GPUs: 4, 32 clips each, 250 epochs.
Command: tools/dist_train.sh configs/shuffle_bias/resnet3d_r50_moments_in_time.py 4
"""

_base_ = '../_base_/shuffle_bias.py'

root = 'data/mit'


def files(split, folder):
    return dict(
        ann_file=f'{root}/mit_{split}_list_videos.txt',
        data_prefix=dict(video=f'{root}/videos/{folder}'),
    )


model = dict(cls_head=dict(num_classes=339))
train_dataloader = dict(dataset=files('train', 'training'))
val_dataloader = dict(dataset=files('val', 'validation'))
test_dataloader = dict(dataset=files('val', 'validation'))
