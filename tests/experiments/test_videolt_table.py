"""Tables of VideoLT's methods."""

from __future__ import annotations

import json

import pytest

from mmlt.experiments import videolt_table
from mmlt.experiments.videolt_bench import METHODS
from mmlt.experiments.videolt_table import (
    MEASURES,
    PAPER,
    bench_table,
    paper_features,
    read_measures,
    read_seeds,
    seed_table,
    table,
)


def _write_run(folder, tail, *, mean=0.5):
    folder.mkdir(parents=True)
    groups = {name: {'mAP': value} for name, value in zip(('head', 'tail'), (0.8, tail))}
    metrics = {
        'task': 'classification',
        'mAP': mean,
        'groups': groups,
        'acc@1': 0.25,
        'acc@5': 0.75,
    }
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    return folder


def _cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_a_table_of_one_seed_by_hand():
    lines = table(
        [('mine', [(0.5, 0.8, None, 0.1, 0.25, 0.75)], 'cbs')], {'cbs': {'mAP': 0.4, 'head': 0.7}}
    )
    assert _cells(lines.splitlines()[0]) == ['method', *MEASURES]
    assert _cells(lines.splitlines()[2]) == [
        'mine', '50.0 (40.0)', '80.0 (70.0)', '-', '10.0', '25.0', '75.0']  # fmt: skip


def test_a_table_of_seeds_by_hand():
    """10 and 20: mean 15, standard deviation 7.07, of the mean 5; gains 1 and 3: 2 +- 1."""
    seeds = {name: [0.1, 0.2] for name in MEASURES}
    better = {**seeds, 'tail': [0.11, 0.23]}
    first, second = seed_table({'cbs': better, 'baseline': seeds}).splitlines()[2:]
    assert _cells(first)[:2] == [METHODS['baseline'], '15.0 ± 5.0 (51.6)']
    assert _cells(first)[-1] == ''
    assert _cells(second)[4:6] == ['17.0 ± 6.0 (39.0)', '15.0 ± 5.0 (65.2)']
    assert _cells(second)[-1] == '+2.0 ± 1.0'


def test_one_seed_has_no_error_and_no_tail_no_gain():
    seed = {name: [0.1] for name in MEASURES}
    table = seed_table({'baseline': seed, 'cbs': {**seed, 'tail': [0.12]}})
    assert 'nan' not in table and '±' not in table
    assert _cells(table.splitlines()[-1])[-1] == '+2.0'
    bare = {**seed, 'tail': [None]}
    assert _cells(seed_table({'baseline': bare, 'cbs': bare}).splitlines()[-1])[-1] == ''


def test_without_the_baseline_there_is_no_gain():
    lines = seed_table({'cbs': {name: [0.1, 0.2] for name in MEASURES}}).splitlines()
    assert {len(_cells(line)) for line in lines} == {1 + len(MEASURES)}


def test_numbers_of_the_paper_are_found_by_their_names(monkeypatch):
    numbers = {'Acc@5': 6.0, 'mAP tail': 4.0, 'mAP head': 2.0, 'mAP': 1.0}
    results = {('nonlinear_videolt_cbs', 'mine'): numbers, ('nonlinear_videolt', 'other'): {}}
    monkeypatch.setattr(videolt_table, 'read_paper_results', {'videolt': results}.get)
    row = {'mAP': 0.01, 'head': 0.02, 'tail': 0.04, 'Acc@5': 0.06}
    assert videolt_table.paper_rows('mine') == {'cbs': row}
    lines = table([('mine', [[0.5] * 6], 'cbs')], {'cbs': row}).splitlines()
    cells = ['50.0 (1.0)', '50.0 (2.0)', '50.0', '50.0 (4.0)', '50.0', '50.0 (6.0)']
    assert _cells(lines[2])[1:] == cells


def test_all_rows_of_the_paper_are_methods_with_plausible_numbers():
    """Overall lies between tail and head; 47, 617 and 340 classes make the mean."""
    for rows in PAPER.values():
        for method, numbers in rows.items():
            assert method in METHODS
            overall, head, medium, tail = (numbers[name] for name in MEASURES[:4])
            assert overall == pytest.approx(
                (47 * head + 617 * medium + 340 * tail) / 1004, abs=2e-3
            )
            assert len(numbers) in (4, 6)
    assert [key for key, rows in PAPER.items() if not rows] == [('resnet50', 'netvlad')]


@pytest.mark.parametrize(
    ('name', 'features'),
    [
        ('resnet101', 'resnet101'),
        ('ResNet-50', 'resnet50'),
        ('TSM_R50', 'tsm'),
        ('r101', 'resnet101'),
        ('features', None),
        ('clip50', None),
    ],
)
def test_names_of_features(name, features):
    assert paper_features(name) == features


def test_bench_table_finds_the_finished_runs(tmp_path):
    _write_run(tmp_path / 'resnet50' / 'nonlinear_cbs' / 'test', 0.2)
    _write_run(tmp_path / 'resnet50' / 'nonlinear_baseline' / 'test', 0.1)
    _write_run(tmp_path / 'resnet50' / 'nonlinear_notes' / 'test', 0.1)
    (tmp_path / 'resnet50' / 'netvlad_cbs').mkdir()
    text = bench_table(tmp_path)
    assert text.startswith('resnet50, nonlinear')
    first, second = text.splitlines()[4:]
    assert _cells(first)[0] == METHODS['baseline']
    assert _cells(first)[4] == '10.0 (37.6)'
    assert _cells(second)[3:5] == ['- (54.5)', '20.0 (37.1)']


def test_seeds_are_read_in_their_order(tmp_path):
    folders = [_write_run(tmp_path / str(seed), 0.1 * seed) for seed in (1, 2)]
    assert read_seeds({'cbs': folders})['cbs']['tail'] == [0.1, 0.2]


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing finished'):
        bench_table(tmp_path)
    (tmp_path / 'metrics.json').write_text('{"protocol": "official"}')
    with pytest.raises(ValueError, match=r'metrics\.json: task is None'):
        read_measures(tmp_path)
