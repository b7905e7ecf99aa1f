"""The toy's AVA set alone, from scratch, with the network and as many updates as co-finetuned.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.3: what co-finetuning is compared with, made small.
Expected on test: configs/cofinetune/README.md.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_ava_alone.py 2
"""

_base_ = './slowonly_toy_cofinetune.py'

datasets = dict(_delete_=True, ava={{_base_.datasets.ava}})
model = dict(heads=dict(_delete_=True, ava={{_base_.model.heads.ava}}))
