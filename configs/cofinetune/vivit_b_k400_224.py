"""ViViT-B on Kinetics-400 alone, 224p: first stage of the traditional transfer to AVA.

Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation" (Arnab et al. 2022),
    Tables 1(a) and 2. How long the first stages take is not said: 15 epochs, as all others.
Expected: K400 top-1 74.9; from Moments in Time (below) 76.3.
Needs: the converted ImageNet-21K ViT (README.md says how).
GPUs: 8, 16 clips each (8 x 16 = 128), 15 epochs of 240,000 / 128 = 1,875 updates.
Command: tools/dist_train.sh configs/cofinetune/vivit_b_k400_224.py 8
    second stage, Moments in Time before Kinetics: --work-dir work_dirs/vivit_b_mit_then_k400_224
    --cfg-options load_from=work_dirs/vivit_b_mit_224/epoch_15.pth
"""

_base_ = '../_base_/cofinetune.py'

datasets = dict(k400={{_base_.recipes.at_224.k400}})
model = dict(heads=dict(k400={{_base_.heads.k400}}))
recipes = heads = None
