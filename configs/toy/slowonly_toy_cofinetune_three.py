"""The toy's co-finetuning with a third data set, of another domain: clips that differ by motion.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Table 3: what Something-Something v2 or Moments in Time add, made small.
Expected on test: configs/cofinetune/README.md.  As many updates as with two data sets.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_three.py 2
"""

_base_ = './slowonly_toy_cofinetune.py'

datasets = dict(motion={{_base_.motion}})
model = dict(heads=dict(motion={{_base_.motion_head}}))
