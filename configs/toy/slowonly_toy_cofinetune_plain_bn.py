"""The toy's co-finetuning with BatchNorm: trained on one data set's statistics, tested on mixed ones.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    section 3.2, made small; its ViViT has no BatchNorm.
Expected on test: configs/cofinetune/README.md.
Command: tools/dist_train.sh configs/toy/slowonly_toy_cofinetune_plain_bn.py 2
"""

_base_ = './slowonly_toy_cofinetune.py'

model = dict(per_dataset_batch_norm=False)
