from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.person_checks import low_scores, reaches, without_person

BOX = [0.1, 0.2, 0.5, 0.9]
PROPOSALS = {
    'a,0902': np.array([[*BOX, 0.3], [*BOX, 0.8]]),
    'a,0903': np.array([[*BOX, 0.5]]),
    'a,0904': np.array([BOX]),
}


def test_the_threshold_itself_reaches():
    assert reaches(PROPOSALS['a,0902'], 0.8) and not reaches(PROPOSALS['a,0902'], 0.81)
    assert reaches(PROPOSALS['a,0904'], 1.0)  # no score: nothing to compare
    assert not reaches(None, 0.0)


def test_low_scores():
    sentence = (
        'p.pkl: on 1 of 3 keyframes no proposal reaches person_det_score_thr=0.8; each keeps its '
        'best one alone'
    )
    assert low_scores(PROPOSALS, [*PROPOSALS, 'b,0902'], 'p.pkl', 0.8) == (sentence, True)
    assert low_scores(PROPOSALS, PROPOSALS, 'p.pkl', 0.5) == (None, False)
    many = {f'b,{second:04d}': np.array([[*BOX, 0.9]]) for second in range(20)}
    many.update(PROPOSALS)
    assert low_scores(many, many, 'p.pkl', 0.8)[1] is False  # 1 of 23, as happens in AVA


@pytest.mark.parametrize('is_tested', [True, False])
def test_without_person(is_tested):
    keys = [*PROPOSALS, 'b,0902']
    assert without_person(PROPOSALS, PROPOSALS, 'p.pkl', 0.5, is_tested=is_tested) is None
    what = 'tested without a person' if is_tested else 'left out of training'
    assert without_person(PROPOSALS, keys, 'p.pkl', 0.8, is_tested=is_tested) == (
        "p.pkl: on 2 of 4 keyframes (the first: 'a,0903') no proposal reaches "
        f'person_det_score_thr=0.8: {what}'
    )


def test_not_one_person():
    with pytest.raises(ValueError, match=r"p\.pkl: on 1 of 1 keyframes \(the first: 'a,0903'\)"):
        without_person(PROPOSALS, ['a,0903'], 'p.pkl', 0.8, is_tested=False)
