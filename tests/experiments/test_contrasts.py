"""Contrasts, and the rule by which they are judged."""

import re

import numpy as np
import pytest

from mmlt.experiments.commands import ROOT
from mmlt.experiments.contrasts import (
    Contrast,
    cell_table,
    contrast_gain,
    contrast_table,
    paired_gain,
    read_contrasts,
    row_table,
)
from mmlt.fileio.json_files import read_json_object

CONTRASTS = ROOT / 'configs' / 'cofinetune' / 'contrasts.json'
THREE_BRANCH = ROOT / 'configs' / 'three_branch' / 'contrasts.json'
VERDICTS = ('agrees', 'disagrees', 'cannot be told')


def _rows(gains, shape=(3, 4)):
    """Rows of random results in which the first contrasts' pairs differ by some gains."""
    rng = np.random.default_rng(0)
    rows = {}
    for contrast in read_contrasts(CONTRASTS, 'features'):
        for row in (contrast.row, contrast.against):
            rows.setdefault(row, {})[contrast.measure] = rng.random(shape).tolist()
    for (row, against, measure), gain in gains.items():
        rows[row][measure] = (np.array(rows[against][measure]) + gain).tolist()
    return rows


def test_gain_by_hand():
    # differences 1, 3 and 5, 7: world means 2 and 6, their standard error 2; within, each has
    # variance 2, so sqrt(2 / 4)
    gain = paired_gain([[1, 3], [5, 7]], [[0, 0], [0, 0]])
    assert (gain.mean, gain.error) == (4, 2)
    assert gain.verdict == 'cannot be told'  # not *more* than twice the error
    # differences 1, 3 in both worlds: means 2, 2, no error between them; within sqrt(2 / 4)
    assert paired_gain([[1, 3], [3, 1]], [[0, 0], [0, 0]]).error == pytest.approx(0.5**0.5)


def test_error_of_one_world_is_that_over_its_seeds():
    gain = paired_gain([[0.5, 0.7, 0.9]], [[0.4, 0.4, 0.4]])
    assert gain.mean == pytest.approx(0.3)
    assert gain.error == pytest.approx(0.2 / 3**0.5)
    assert str(gain) == '+30.0 ± 11.5'


@pytest.mark.parametrize(
    ('differences', 'verdict'),
    [
        ([[2.0, 2.1], [1.9, 2.0], [2.2, 2.1]], 'agrees'),
        ([[-2.0, -2.1], [-1.9, -2.0], [-2.2, -2.1]], 'disagrees'),
        ([[2.0, -2.1], [-1.9, 2.0], [2.2, -2.1]], 'cannot be told'),
        ([[5.0, 5.0], [5.0, 5.0], [0.0, -0.1]], 'cannot be told'),  # not in every world
        ([[2.0, 2.1, 1.9]], 'agrees'),
        ([[9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, -0.1]], 'cannot be told'),  # not with every seed
        ([[0.0, 0.0], [0.0, 0.0]], 'cannot be told'),
        ([[1.0], [1.1], [0.9]], 'agrees'),  # one seed: an error over worlds alone
    ],
)
def test_verdicts(differences, verdict):
    against = np.random.default_rng(0).integers(9, size=np.shape(differences))
    assert paired_gain(against + differences, against).verdict == verdict


@pytest.mark.parametrize(
    ('differences', 'similar', 'not_better'),
    [
        ([[0.001, 0.002], [0.0, -0.001], [0.002, 0.001]], 'agrees', 'agrees'),
        ([[-0.03, -0.031], [-0.03, -0.029], [-0.03, -0.03]], 'disagrees', 'agrees'),
        ([[0.03, 0.031], [0.03, 0.029], [0.03, 0.03]], 'disagrees', 'disagrees'),
        ([[0.05, -0.05], [-0.04, 0.04], [0.03, -0.03]], 'cannot be told', 'cannot be told'),
        ([[0.005, 0.005], [0.005, 0.005], [0.005, 0.005]], 'agrees', 'agrees'),  # told, but small
    ],
)
def test_verdicts_where_a_paper_has_no_gain(differences, similar, not_better):
    against = np.full(np.shape(differences), 0.5)
    assert paired_gain(against + differences, against, '0').verdict == similar
    assert paired_gain(against + differences, against, 'not +').verdict == not_better


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match=r'shape \(1, 2\) cannot be paired with \(2, 1\)'):
        paired_gain([[1, 2]], [[1], [2]])
    with pytest.raises(ValueError, match='a single run has no error'):
        paired_gain([[1]], [[2]])


@pytest.mark.parametrize('on', ['features', 'pixels'])
@pytest.mark.parametrize('path', [CONTRASTS, THREE_BRANCH])
def test_contrasts_name_rows_that_are_explained(path, on):
    explained = read_json_object(path)['rows']
    contrasts = read_contrasts(path, on)
    groups = 'all|tail' if path is CONTRASTS else 'all|tail|objects|poses'
    for contrast in contrasts:
        assert {contrast.row, contrast.against} <= set(explained)
        assert contrast.paper in ('+', '0', 'not +') or contrast.paper > 0
        assert re.fullmatch(f'(AP|SAP) ({groups})|AP context|top1 [AB]', contrast.measure)
    pairs = [(each.row, each.against, each.measure) for each in contrasts]
    assert len(set(pairs)) == len(pairs)


def test_both_parts_ask_the_three_questions():
    pairs = {
        ('a_with_ava', 'a_then_ava'),
        ('ab_with_ava', 'a_with_ava'),
        ('ab_with_ava', 'ab_with_ava_alternating'),
    }
    for on in ('features', 'pixels'):
        assert pairs <= {(each.row, each.against) for each in read_contrasts(CONTRASTS, on)}


def test_every_contrast_is_printed_in_order_with_its_verdict_and_nothing_else():
    gains = {
        ('a_with_ava', 'a_then_ava', 'AP all'): 0.02,
        ('ab_with_ava', 'ab_with_ava_alternating', 'SAP tail'): -0.02,
    }
    contrasts, rows = read_contrasts(CONTRASTS, 'features'), _rows(gains)
    head, _, *lines = contrast_table(CONTRASTS, 'features', rows).splitlines()
    assert head == '| contrast | measure | paper | ours | verdict |'
    assert len(lines) == len(contrasts)
    for line, contrast in zip(lines, contrasts):
        name, measure, paper, ours, verdict = (cell.strip() for cell in line.strip('|').split('|'))
        assert name == f'{contrast.name} (`{contrast.row}` - `{contrast.against}`)'
        assert measure == contrast.measure and verdict in VERDICTS
        assert paper == ('+' if contrast.paper == '+' else f'{contrast.paper:+.1f}')
        assert ours == str(contrast_gain(rows, contrast))
    assert lines[0].endswith('| AP all | +1.8 | +2.0 ± 0.0 | agrees |')
    assert lines[11].endswith('| SAP tail | + | -2.0 ± 0.0 | disagrees |')


def test_cells_have_the_same_contrasts():
    cells = {'one': _rows({}), 'another': _rows({('a_with_ava', 'ava', 'AP all'): 0.01})}
    head, _, *lines = cell_table(CONTRASTS, 'features', cells).splitlines()
    assert head == '| contrast | measure | one | another |'
    assert len(lines) == len(read_contrasts(CONTRASTS, 'features'))
    (line,) = (each for each in lines if '`a_with_ava` - `ava`' in each and '| AP all |' in each)
    assert line.endswith('| +1.0 ± 0.0, agrees |')


def test_a_measure_that_a_cell_does_not_define_stays_empty():
    rows, other = _rows({}), _rows({})
    for measures in other.values():
        measures.pop('AP tail', None)
    _, _, first, second, *_ = cell_table(
        CONTRASTS, 'features', {'one': rows, 'another': other}
    ).splitlines()
    assert '| AP all |' in first and not first.endswith('|  |')
    assert '| AP tail |' in second and second.endswith('|  |')
    del other['a_with_ava']['AP all']
    with pytest.raises(ValueError, match="no AP all of row 'a_with_ava'"):
        cell_table(CONTRASTS, 'features', {'one': rows, 'another': other})


def test_a_missing_row_is_told_not_left_out():
    rows = _rows({})
    del rows['ava']['SAP tail']
    contrast = Contrast('co-finetuning', 'a_with_ava', 'ava', 'SAP tail', '+', '')
    with pytest.raises(ValueError, match="contrast 'co-finetuning': no SAP tail of row 'ava'"):
        contrast_gain(rows, contrast)
    with pytest.raises(ValueError, match="no SAP tail of row 'ava'"):
        contrast_table(CONTRASTS, 'features', rows)


def test_rows():
    rows = {'ava': {'AP all': [[0.2, 0.3], [0.3, 0.4]]}, 'clips_a': {'top1 A': [[0.5, 0.5]]}}
    lines = row_table(rows, {'clips_a': 'A', 'ava': 'AVA'}, ('AP all', 'top1 A')).splitlines()
    assert lines[0] == '| row | AP all | top1 A |'
    assert lines[2:] == ['| A |  | 50.0 ± 0.0 |', '| AVA | 30.0 ± 5.0 |  |']
