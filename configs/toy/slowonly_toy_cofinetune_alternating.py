"""The toy's co-finetuning of three data sets, each in its turn, whatever its size.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.2.1 and Table 5, left, made small.
Expected on test: configs/cofinetune/README.md.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_alternating.py 2
"""

_base_ = './slowonly_toy_cofinetune_three.py'

dataset_schedule = dict(strategy='alternating')
