from __future__ import annotations

import json

import pytest
import torch

from mmlt.functional import long_tail_mixed_reconstruction, reconstruction_contributions
from mmlt.registry import MODELS

COUNTS = [5, 50, 500]


def _build(**options):
    config = dict(type='mmlt.LongTailMixedReconstruction', class_counts=COUNTS)
    return MODELS.build({**config, **options})


def _batch(num_rows=2000):
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(3, (num_rows,), generator=generator)
    return torch.randn(num_rows, 4, generator=generator), torch.eye(3)[classes]


def test_equal_to_the_functional():
    features, targets = _batch(8)
    torch.manual_seed(0)
    found = _build(max_contribution=0.5, decay=1.0, epsilon=0.1, few_shot_max=60)(features, targets)
    torch.manual_seed(0)
    own_share, is_mixed = torch.rand(8), torch.rand(8) < 0.5
    expected = long_tail_mixed_reconstruction(
        features,
        targets,
        torch.tensor(COUNTS),
        torch.from_numpy(
            reconstruction_contributions(COUNTS, max_contribution=0.5, decay=1.0, epsilon=0.1)
        ),
        few_shot_max=60,
        own_share=torch.where(is_mixed, own_share, torch.ones(8)),
        partner=torch.randint(8, (8,)),
    )
    for ours, theirs in zip(found, expected):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('mix_ratio', [0.0, 0.5, 1.0])
def test_the_share_of_rows_that_are_mixed(mix_ratio):
    torch.manual_seed(0)
    _, targets = _build(mix_ratio=mix_ratio)(*_batch())
    soft = ((targets > 0) & (targets < 1)).any(1).double().mean().item()
    # a third of the partners has the same label
    assert soft == pytest.approx(mix_ratio * 2 / 3, abs=0.05)
    torch.testing.assert_close(targets.sum(1), torch.ones(2000))


def test_counts_come_from_a_file_and_stay_out_of_the_state_dict(tmp_path):
    path = tmp_path / 'counts.json'
    classes = [{'id': i, 'name': f'c{i}', 'count': count} for i, count in enumerate(COUNTS)]
    path.write_text(json.dumps({'source': 'test', 'unit': 'videos', 'classes': classes}))
    module = _build(class_counts=str(path))
    assert module.class_counts.tolist() == COUNTS
    assert torch.equal(module.contributions, _build().contributions)
    assert not module.state_dict()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(mix_ratio=2), r'mix_ratio must be a number in \[0, 1'),
        (dict(few_shot_max=-1), 'few_shot_max must be a number >= 0'),
        (dict(epsilon=-1), 'epsilon must be a number >= 0'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        _build(**options)


def test_another_number_of_classes():
    with pytest.raises(ValueError, match='2 columns, .* 3 classes'):
        _build()(torch.ones(2, 4), torch.ones(2, 2))
