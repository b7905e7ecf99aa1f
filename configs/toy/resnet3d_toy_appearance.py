"""The same network on the toy clips whose classes differ by appearance only.

Source: "Rethinking Training Data for Mitigating Representation Biases in Action Recognition"
    (Hara et al. 2021), sections 3 and 4.1, made small.
Expected on test: a log ratio near 0; see configs/shuffle_bias/README.md.
Time: 2 to 4 minutes on one core.
Command: tools/train.py configs/toy/resnet3d_toy_appearance.py
"""

_base_ = './resnet3d_toy_motion.py'

root = 'data/toy/clips/appearance'


def split(name):
    return dict(dataset=dict(ann_file=f'{root}/{name}.txt', data_prefix=dict(video=f'{root}/videos')))


train_dataloader = split('train')
val_dataloader = split('val')
test_dataloader = split('test')
test_evaluator = dict(label_file=f'{root}/labels.txt')
