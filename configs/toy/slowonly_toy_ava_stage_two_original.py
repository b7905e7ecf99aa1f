"""Stage two on the toy world without balancing: every annotated box once an epoch.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.3, Table 5.
Expected: configs/in_the_wild/README.md.  15 epochs of 6 updates: about as many as the balanced one's
    92, so that the two differ by what is drawn and not by how long is trained.
Command: tools/train.py configs/toy/slowonly_toy_ava_stage_two_original.py
"""

_base_ = './slowonly_toy_ava_stage_two.py'

max_epochs = 15

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
param_scheduler = dict(end=max_epochs)
