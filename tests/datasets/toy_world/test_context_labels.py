import csv
import dataclasses
import json

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_ava_world
from mmlt.datasets.toy_world.ava import label_counts
from mmlt.datasets.toy_world.config import SPLITS
from mmlt.datasets.toy_world.context_labels import CONTEXT_KINDS, ECHO_SEC
from mmlt.datasets.toy_world.labels import HELD_OBJECTS, INTERACTIONS, label_kinds, plan_boxes

SCENE, ECHO = CONTEXT_KINDS.index('scene'), CONTEXT_KINDS.index('echo')
WORLD = ToyWorldConfig(context_share=1 / 3, keyframes_per_video=40)
SMALL = dataclasses.replace(WORLD, scale=0.05, keyframes_per_video=12)
OBJECT_SIDES = np.array([side for _, side in HELD_OBJECTS])
PARTNER_SIDES = np.array([side for side, _ in INTERACTIONS])


@pytest.fixture(scope='module', params=SPLITS)
def plan(request):
    return plan_boxes(WORLD, request.param)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp('context') / 'ava'
    assert make_ava_world(folder, SMALL)
    return folder


def _sides_of_partners(plan):
    """Video -> the sides of its partners."""
    has_partner = plan.labels[:, 2] >= 0
    sides = {}
    for video, rank in zip(plan.video[has_partner], plan.labels[has_partner, 2]):
        sides.setdefault(video, set()).add(PARTNER_SIDES[rank])
    return sides


@pytest.mark.parametrize('split', SPLITS)
@pytest.mark.parametrize('share', [0.2, 1.0])
def test_counts_are_those_without_context(split, share):
    config = dataclasses.replace(WORLD, context_share=share)
    without = dataclasses.replace(WORLD, context_share=0.0)
    assert label_counts(config, plan_boxes(config, split)) == label_counts(
        without, plan_boxes(without, split)
    )


def test_all_partners_of_a_video_are_on_one_side_and_both_sides_occur(plan):
    sides = _sides_of_partners(plan)
    assert len(sides) == plan.num_videos
    assert all(len(of_video) == 1 for of_video in sides.values())
    number = sum(of_video == {'left'} for of_video in sides.values())
    assert 0.5 * plan.num_videos < number < 0.9 * plan.num_videos  # as the partners


def test_a_context_label_has_the_side_of_its_video_and_no_partner_of_its_own(plan):
    sides = _sides_of_partners(plan)
    boxes = np.flatnonzero(plan.context)
    assert len(boxes) > 400
    for box in boxes:
        assert sides[plan.video[box]] == {OBJECT_SIDES[plan.labels[box, 1]]}
        assert plan.labels[box, 2] == -1


def test_where_scenes_and_echoes_are(plan):
    partners = {
        (video, keyframe)
        for video, keyframe, rank in zip(plan.video, plan.keyframe, plan.labels[:, 2])
        if rank >= 0
    }
    for box in np.flatnonzero(plan.context):
        video, keyframe = plan.video[box], plan.keyframe[box]
        if plan.context[box] == SCENE:
            assert (video, keyframe) in partners
        else:
            assert plan.context[box] == ECHO and keyframe >= ECHO_SEC
            assert (video, keyframe) not in partners
            assert (video, keyframe - ECHO_SEC) in partners


def test_a_third_of_every_class_half_of_it_of_either_kind(plan):
    for rank in range(len(HELD_OBJECTS)):
        of_class = plan.labels[:, 1] == rank
        wanted = round(of_class.sum() / 3)
        of_kind = [(plan.context[of_class] == kind).sum() for kind in (SCENE, ECHO)]
        assert of_kind == [wanted - wanted // 2, wanted // 2]
    assert (plan.context[plan.labels[:, 1] < 0] == 0).all()


def test_what_finds_no_box_is_an_ordinary_label():
    config = dataclasses.replace(WORLD, keyframes_per_video=ECHO_SEC, context_share=0.5)
    plan = plan_boxes(config, 'test')  # too short for an echo
    assert (plan.context == ECHO).sum() == 0
    assert (plan.context == SCENE).sum() == pytest.approx(config.test_boxes / 8, abs=6)
    crowded = dataclasses.replace(WORLD, context_share=1.0)
    plan = plan_boxes(crowded, 'test')
    placed = (plan.context > 0).sum()
    assert 0.2 * crowded.test_boxes < placed < 0.45 * crowded.test_boxes
    assert (plan.labels[:, 1] >= 0).sum() == crowded.test_boxes / 2


def test_ordinary_objects_are_on_both_sides_of_a_video(plan):
    ordinary = (plan.labels[:, 1] >= 0) & (plan.context == 0)
    is_left = OBJECT_SIDES[plan.labels[ordinary, 1]] == 'left'
    shares = [is_left[plan.video[ordinary] == video].mean() for video in range(plan.num_videos)]
    assert 0 < np.percentile(shares, 10) < np.percentile(shares, 90) < 1


def test_runs_of_rare_interactions_stay_within_a_video():
    plan = plan_boxes(WORLD, 'train')
    in_video = np.bincount(plan.video[plan.labels[:, 2] == len(INTERACTIONS) - 1])
    assert in_video[in_video > 0].min() >= WORLD.share - 2


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'scale': 0.03, 'keyframes_per_video': 40}, 'context_share needs two videos'),
        ({'interaction_prob': 1.0}, r'interaction_prob=1\.0 is too large for videos of one side'),
        ({'context_share': 1.5}, r'context_share must be from 0 to 1, got 1\.5'),
    ],
)
def test_what_cannot_be_dealt_is_told(change, message):
    with pytest.raises(ValueError, match=message):
        plan_boxes(dataclasses.replace(WORLD, **change), 'test')


def test_the_file_names_the_boxes_and_the_facts_count_them(world):
    facts = json.loads((world / 'world.json').read_text())['facts']
    first_object = label_kinds(SMALL)[1].first_id
    for split in SPLITS:
        with open(world / 'annotations' / f'{split}_context.csv', newline='') as file:
            rows = list(csv.reader(file))
        with open(world / 'annotations' / f'{split}.csv', newline='') as file:
            labels = {}
            for video, timestamp, *_, label, person in csv.reader(file):
                labels.setdefault((video, timestamp, person), set()).add(int(label))
        plan = plan_boxes(SMALL, split)
        counts = {kind: sum(row[3] == kind for row in rows) for kind in ('scene', 'echo')}
        assert facts['num_context_labels'][split] == counts
        assert counts['scene'] == (plan.context == SCENE).sum() > 0
        assert counts['echo'] == (plan.context == ECHO).sum() > 0
        assert len({tuple(row[:3]) for row in rows}) == len(rows)
        for video, timestamp, person, _ in rows:
            of_box = labels[video, timestamp, person]
            assert of_box & set(range(first_object, first_object + len(HELD_OBJECTS)))
            assert not of_box & set(range(27, 31))


def test_same_bytes_whatever_the_workers(world, tmp_path):
    make_ava_world(tmp_path / 'ava', SMALL, workers=2)
    for path in world.rglob('*'):
        if path.is_file():
            assert (tmp_path / 'ava' / path.relative_to(world)).read_bytes() == path.read_bytes()


def test_a_world_without_context_has_no_file_and_no_word_of_it(ava_world):
    assert not list((ava_world / 'annotations').glob('*_context.csv'))
    assert 'context' not in (ava_world / 'world.json').read_text()
