from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mmlt.evaluation.examples import (
    HIT,
    LOW_SCORE,
    NOBODY,
    OTHER_LABELS,
    REPEAT,
    UNDETECTED,
    WRONG_LABEL,
    ClassExamples,
    Example,
)
from mmlt.evaluation.report.examples import (
    Picture,
    PicturedExamples,
    choose_classes,
    examples_section,
)
from mmlt.evaluation.report.page import MAX_BYTES_WITH_PICTURES, build_report
from mmlt.evaluation.runs.read import read_run

BOX = np.array([0.1, 0.1, 0.5, 0.9])
URIS = tuple(
    f'data:image/jpeg;base64,{letter * size}' for letter, size in zip('ABC', (900, 600, 300))
)


def _example(verdict=HIT, score=0.5, second=7, **more):
    own = dict(
        detected_box=BOX, annotated_box=BOX, annotated_ids=(12, 99), best_scores=((12, 0.5),)
    )
    return Example(verdict, 'street <1>', second, score, **{**own, **more})


def _pairs(*examples, picture=None):
    return [(each, picture or Picture(URIS, 160, 160)) for each in examples]


@pytest.fixture
def run(make_run, two_classes):
    return read_run(make_run('mine', metrics=two_classes()))


@pytest.fixture
def show(run):
    """Render the examples of 'swim'."""

    def render(hits=(), misses=(), false_alarms=(), room=10**6, runs=(run,), picture=None):
        kinds = (_pairs(*kind, picture=picture) for kind in (hits, misses, false_alarms))
        shown = PicturedExamples(len(runs) - 1, {'swim': ClassExamples(*kinds)})
        return examples_section(runs, shown, room)

    return render


class _Reader(HTMLParser):
    """Attributes of the images; all elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.images, self.open, self.text = [], [], ''
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag == 'img':
            self.images.append(dict(attributes))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_picture_with_its_caption(show):
    page = _Reader(show(hits=[_example(score=0.987)]))
    assert page.images == [
        {'src': URIS[0], 'alt': 'swim, hit: street <1>, 7 s, score 0.99', 'width': '160',
         'height': '160'}
    ]  # fmt: skip
    for told in (
        '0.99 street <1>, 7 s',
        'annotated stand, class 99',
        'detected stand 0.50',
        'frame-AP 12.5, 34 evaluated boxes',
        'By frame-AP, lowest first.',
    ):
        assert told in page.text  # fmt: skip
    assert 'None.' in page.text  # of misses and false alarms


@pytest.mark.parametrize(
    ('verdict', 'told'),
    [
        (LOW_SCORE, 'scored low'),
        (OTHER_LABELS, 'not scored for this class'),
        (UNDETECTED, 'no detection meets the box'),
        (WRONG_LABEL, 'the person has other labels'),
        (REPEAT, 'this person is detected already'),
        (NOBODY, 'no annotated person here'),
    ],
)
def test_what_went_wrong_is_said(show, verdict, told):
    bare = dict(annotated_ids=(), best_scores=())
    page = _Reader(show(misses=[_example(verdict, math.nan, **bare)]))
    assert f'– street <1>, 7 s{told}' in page.text
    assert page.images[0]['alt'].endswith(f': {told}: street <1>, 7 s')
    assert 'annotated class' not in page.text and 'detected stand' not in page.text


def test_a_picture_that_is_absent_says_why(show):
    absent = Picture((), 160, 160, 'a/img_00001.jpg does not <exist>')
    page = show(misses=[_example(LOW_SCORE)], picture=absent)
    assert '<img' not in page
    assert 'No picture: a/img_00001.jpg does not &lt;exist&gt;' in page
    assert 'aria-label="swim, miss: scored low: street &lt;1&gt;, 7 s, score 0.50"' in page


def test_pictures_become_coarser_and_then_fewer_until_there_is_room(show):
    hits = [_example(second=second) for second in range(4)]
    sizes = [len(show(hits=hits).encode())]
    for size in (1, 2):
        page = show(hits=hits, room=sizes[-1] - 1)
        assert page.count(URIS[size]) == 4 and 'are shown instead' not in page
        sizes.append(len(page.encode()))
    for most in (3, 2, 1):
        page = show(hits=hits, room=sizes[-1] - 1)
        assert page.count(URIS[2]) == most
        assert f'Only {most} of each kind are shown instead of 4' in page
        sizes.append(len(page.encode()))
    assert sizes == sorted(sizes, reverse=True)
    with pytest.raises(
        ValueError, match='pictures of 1 classes take 0.0 MB at least.*fewer classes'
    ):
        show(hits=hits, room=sizes[-1] - 1)


def test_classes_are_folded_after_the_third(run):
    names = [f'class {i}' for i in range(5)]
    entry = run.metrics['per_class']['swim']
    many = run._replace(metrics={**run.metrics, 'per_class': dict.fromkeys(names, entry)})
    shown = PicturedExamples(0, dict.fromkeys(names, ClassExamples(_pairs(_example()), [], [])))
    entry['id'] = 12
    page = examples_section([many], shown, 10**6)
    assert re.findall('<details( open)?', page) == [' open'] * 3 + [''] * 2


def test_which_classes_are_shown_is_said(make_run, make_metrics):
    run = read_run(make_run('many', metrics=make_metrics(seed=1)))
    told = {}
    for asked in ((), ('stand',)):
        names = choose_classes(run.metrics, asked)
        shown = PicturedExamples(0, dict.fromkeys(names, ClassExamples([], [], [])))
        page = examples_section([run], shown, 10**6)
        told[asked] = re.search('<p class="hint">(.*?frame-AP.*?[.]) <b', page)[1]
    assert told == {
        (): 'The 20 classes of the lowest frame-AP, lowest first.',
        ('stand',): 'The 20 classes of the lowest frame-AP, lowest first, then those asked for.',
    }


def test_of_several_runs_it_is_said_of_which_one(show, run):
    assert 'Of ' not in show(hits=[_example()])
    assert 'Of other &amp; better alone.' in show(
        hits=[_example()], runs=(run, run._replace(name='other & better'))
    )


def test_the_worst_classes_come_first_then_those_asked_for(make_metrics):
    metrics = make_metrics(seed=1)
    rows = metrics['per_class']
    by_ap = sorted(rows, key=lambda name: rows[name]['AP'])
    assert choose_classes(metrics) == by_ap[:20]
    asked = [str(rows[by_ap[40]]['id']), by_ap[30], by_ap[3]]
    assert choose_classes(metrics, asked) == [*by_ap[:20], by_ap[40], by_ap[30]]
    rows[by_ap[50]]['AP'] = None  # never detected: mmaction2 gives it no AP
    rows[by_ap[0]]['num_boxes'] = 0
    assert choose_classes(metrics)[:2] == [by_ap[50], by_ap[1]]


def test_a_class_that_the_run_has_not_is_refused(two_classes):
    with pytest.raises(ValueError, match="no class 'fly'; the run has 12 stand, 24 swim"):
        choose_classes(two_classes(), ['swim', 'fly'])


def test_the_page_holds_the_pictures_in_at_most_four_megabytes(make_run, make_metrics, tmp_path):
    classes = [(f'class number {i}', i, int(60_000 / (i + 2))) for i in range(1, 81)]
    metrics = make_metrics(classes=classes)
    uris = tuple('data:image/jpeg;base64,' + 'A' * size for size in (9000, 6000, 4000))
    many = [_example(annotated_ids=(1, 2), best_scores=((3, 0.5),), second=i) for i in range(4)]
    pairs = _pairs(*many, picture=Picture(uris, 160, 160))
    run, names = make_run('r', metrics=metrics), choose_classes(metrics, range(1, 81))
    sizes = []
    for count in (20, 80):
        shown = PicturedExamples(
            0, dict.fromkeys(names[:count], ClassExamples(pairs, pairs, pairs))
        )
        path = build_report(run, tmp_path / f'{count}.html', examples=shown)
        sizes.append((path.stat().st_size, path.read_text(encoding='utf-8').count(uris[2] + '"')))
    assert sizes[0][0] <= MAX_BYTES_WITH_PICTURES == 4_000_000 and sizes[0][1] == 0
    assert 2.5e6 < sizes[1][0] <= 4e6 and sizes[1][1] == 80 * 3 * 3


def test_the_page_with_pictures_opens_offline(make_run, two_classes, tmp_path):
    run = make_run('mine', metrics=two_classes())
    shown = PicturedExamples(0, {'swim': ClassExamples(_pairs(_example()), [], [])})
    text = build_report(run, tmp_path / 'r.html', examples=shown).read_text(encoding='utf-8')
    assert 'img-src data:' in text and text.count('<h2>Examples</h2>') == 1
    assert not re.search(r'https?:|@import|<link|<iframe|src="(?!data:)', text)
    plain = build_report(run, tmp_path / 'plain.html').read_text(encoding='utf-8')
    assert 'Examples' not in plain and '<!-- examples' not in plain + text
