"""Windows, batches and groups of a world's features."""

import numpy as np
import torch

from mmlt.experiments.three_branch_features.data import MAX_PERSONS, WINDOW_SEC, window_slots


def _windows(keyframes, keyframe_of_person, scores):
    """Persons in the window of each keyframe."""
    slots = window_slots(keyframes, np.array(keyframe_of_person), np.array(scores))
    assert slots.shape == (len(keyframes), WINDOW_SEC * MAX_PERSONS)
    nobody = len(scores)
    for window in slots:
        number = (window < nobody).sum()
        assert (window[number:] == nobody).all()
    return [window[window < nobody].tolist() for window in slots]


def test_window_by_hand():
    # two seconds of a video, one of another; two persons, one, and one
    keyframes = [('a', 902), ('a', 905), ('b', 902)]
    assert _windows(keyframes, [0, 0, 1, 2], [0.6, 0.9, 0.8, 0.7]) == [[0, 1, 2], [0, 1, 2], [3]]


def test_a_second_has_its_best_scored_persons():
    scores = [0.6, 0.95, 0.7, 0.9, 0.65, 0.8, 0.85]
    assert _windows([('a', 902)], [0] * 7, scores) == [[1, 2, 3, 5, 6]]


def test_the_window_ends_ten_seconds_away():
    keyframes = [('a', 902 + second) for second in range(25)]
    windows = _windows(keyframes, list(range(25)), [0.9] * 25)
    assert windows[12] == list(range(2, 23))
    assert windows[0] == list(range(11))


def test_batches_hold_the_boxes_of_their_keyframes(data):
    split = data.splits['val']
    batch = split.batch(torch.tensor([5, 0, 20]))
    counts = split.starts.diff()[[5, 0, 20]]
    assert batch['clip_index'].tolist() == np.repeat([0, 1, 2], counts).tolist()
    first = split.starts[5]
    assert torch.equal(batch['boxes'][: counts[0]], split.boxes[first : first + counts[0]])
    assert torch.equal(batch['targets'][-1], split.targets[split.starts[21] - 1])
    assert torch.equal(batch['clips'], split.clips[[5, 0, 20]])
    widest = (split.slots[[5, 0, 20]] < len(split.persons) - 1).sum(dim=1)
    assert batch['bank'].shape == (3, widest.max(), data.num_channels)
    assert batch['mask'].sum(dim=1).tolist() == widest.tolist()
    assert (batch['bank'][~batch['mask']] == 0).all()


def test_an_epoch_has_every_keyframe_once_in_an_order_by_the_seed(data):
    def clips(seed, number):
        batches = data.train_batches(10, seed)
        return [next(batches)['clips'] for _ in range(number)]

    number = -(-len(data.splits['train'].clips) // 10)
    epoch = torch.cat(clips(0, number))
    own = data.splits['train'].clips
    assert not torch.equal(epoch, own)
    assert torch.equal(epoch.sort(dim=0).values, own.sort(dim=0).values)
    assert torch.equal(epoch, torch.cat(clips(0, number)))
    assert not torch.equal(epoch, torch.cat(clips(1, number)))
    again = torch.cat(clips(0, 2 * number))
    assert torch.equal(again[: len(own)], epoch) and not torch.equal(again[len(own) :], epoch)


def test_features_are_standardised_by_those_of_train(data):
    train, test = data.splits['train'], data.splits['test']
    for features in (train.boxes, train.clips):
        torch.testing.assert_close(features.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
        torch.testing.assert_close(features.std(dim=0), torch.ones(8))
    assert test.boxes.mean(dim=0).abs().max() > 0.01
    # in these worlds everybody who is annotated is detected too, as the same features
    torch.testing.assert_close(test.persons[:-1], test.boxes)
    assert (test.persons[-1] == 0).all()


def test_groups_are_columns(data):
    assert data.groups['head'].tolist() == [0, 1, 20]
    assert data.groups['objects'].tolist() == list(range(20, 26))
    assert len(data.groups['poses']) == 20 and len(data.groups['all']) == 30
