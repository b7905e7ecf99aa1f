"""The toy world of which a third of the object labels depend on context, with and without a bank.

`python tools/data/make_toy_world.py --out data/toy_context --parts ava --set \
    keyframes_per_video=40 context_share=0.3333 rarest_object=100 rarest_interaction=300 \
    object_radius=4.5`

As in the report: annotated persons in training, detections in testing, here those over .5. No flip:
left and right are what classes differ by. The feature bank: $FEATURE_BANK, a folder for each split.
"""

_base_ = './toy_ava.py'

annotations = 'data/toy_context/ava/annotations'
bank = '{{$FEATURE_BANK:work_dirs/slowonly_toy_three_branch_phase_one/bank}}'
window_sec = 21  # 40 keyframes a video: 61 seconds would be padding for the most part
plain_pipeline = _base_.val_dataloader.dataset.pipeline


def of_context(split):
    return dict(
        ann_file=f'{annotations}/{split}.csv',
        exclude_file=f'{annotations}/{split}_excluded_timestamps.csv',
        label_file=f'{annotations}/label_map.pbtxt',
    )


def dataset(split, **kwargs):
    return dict(
        **of_context(split),
        proposal_file=f'{annotations}/{split}_proposals.pkl',
        data_prefix=dict(img='data/toy_context/ava/rawframes'),
        timestamp_end=942,
        **kwargs,
    )


def evaluator(split):
    return dict(
        **of_context(split),
        class_counts=f'{annotations}/train_counts.json',
        split_file=f'{annotations}/split.json',
    )


def with_bank(split, **kwargs):
    """A dataloader whose clips come with their windows."""
    window = dict(type='mmlt.LoadFeatureBank', bank_dir=f'{bank}/{split}', **kwargs)
    window.update(window_sec=window_sec, max_persons=5)
    pack = dict(type='PackActionInputs', algorithm_keys=('long_term',))
    return dict(dataset=dict(pipeline=[*plain_pipeline[:-1], window, pack]))


train_dataloader = dict(dataset=dataset('train', persons='ground_truth'))
val_dataloader = dict(dataset=dataset('val'))
test_dataloader = dict(dataset=dataset('test'))
val_evaluator = evaluator('val')
test_evaluator = evaluator('test')

bank_dataloaders = dict(
    train=with_bank('train'),
    val=with_bank('val', test_mode=True),
    test=with_bank('test', test_mode=True),
)
