"""The toy's clips of actors alone, with the network and as many updates as co-finetuned.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 1: Kinetics alone, made small.
Expected on test: configs/cofinetune/README.md.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_clips_alone.py 2
"""

_base_ = './slowonly_toy_cofinetune.py'

datasets = dict(_delete_=True, actors={{_base_.datasets.actors}})
model = dict(heads=dict(_delete_=True, actors={{_base_.model.heads.actors}}))
default_hooks = dict(checkpoint=dict(save_best='actors/top1'))
