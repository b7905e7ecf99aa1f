from __future__ import annotations

import pytest

from mmlt.fileio.evaluation_files import read_annotated_split, read_evaluation

LABELS = 'item {{ name: "stand" id: 1 }} item {{ name: "sit" id: {} }}\n'
TRUTH = 'a,1,0,0,.5,1,1,0\na,1,0,0,.5,1,9,0\na,1,0,0,.5,1,1,0\n'
FOUND = 'a,1,0,0,.5,1,1,.5\na,1,0,0,.5,1,8,.5\nb,1,0,0,.5,1,1,.5\n'


@pytest.fixture
def files(tmp_path):
    """Detections, annotations, label map and exclusions, each of them odd."""
    texts = {'d.csv': FOUND, 't.csv': TRUTH, 'map.pbtxt': LABELS.format(2), 'e.csv': 'z,0001\n'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in texts]


def test_what_is_odd_about_each_file_is_told_in_turn(files):
    detections, truth, label_map, exclude = files
    found, split = read_evaluation(*files)
    assert (len(found.labels), len(split.ground_truth.labels)) == (3, 3)
    assert split.label_map == {1: 'stand', 2: 'sit'}
    assert split.excluded == {('z', 1)}
    outside = 'carry a class id outside the label map and are skipped'
    assert split.warnings == [
        f'{detections}: 1 of 3 rows {outside} (ids 8)',
        f'{truth}: 1 of 3 rows {outside} (ids 9)',
        f'{exclude}: excludes nothing; none of its 1 videos is annotated',
        f'{truth}: 1 of 3 rows repeat the keyframe, box and label of an earlier row; each counts '
        f'again. The first: {truth}, line 3: a,1,0,0,0.5,1,1',
    ]
    alone = read_annotated_split(truth, label_map, exclude)
    assert alone.warnings == split.warnings[1:]


def test_without_exclusions_none_is_left_out(files):
    assert read_annotated_split(*files[1:3]).excluded == frozenset()


def test_custom_classes_are_a_part_of_the_label_map_and_leave_out_the_rest_unsaid(files):
    split = read_annotated_split(*files[1:], custom_classes=[2])
    assert split.label_map == {2: 'sit'}
    assert not any('outside the label map' in warning for warning in split.warnings)
    with pytest.raises(ValueError, match=f'custom_classes: class 3 is not in {files[2]}'):
        read_annotated_split(*files[1:], custom_classes=[3])


@pytest.mark.parametrize(
    ('index', 'text', 'message'),
    [
        (0, 'a,1,0,0,50,100,1,.5\n', 'd.csv, line 1: a,1,0,0,50,100,1: a box far outside'),
        (0, 'a,7,0,0,.5,1,1,.5\n', 'd.csv: none of its keyframes'),
        (
            0,
            'a,1,0,0,.5,1,81,.5\n',
            'outside the label map and are skipped (ids 81): nothing is left',
        ),
        (1, 'a,1,0,0,50,100,1,0\n', 't.csv, line 1: a,1,0,0,50,100,1: a box far outside'),
        (1, 'a,1,0,0,.5,1,0,0\n', 'class id 0 in 1 of 1 rows'),
        (2, LABELS.format(1), 'map.pbtxt, line 1: id 1 repeated'),
        (3, 'z;1\n', 'e.csv, line 1: expected video_id,timestamp'),
    ],
)
def test_what_makes_every_number_wrong_is_an_error(files, index, text, message):
    files[index].write_text(text)
    with pytest.raises(ValueError) as error:
        read_evaluation(*files)
    assert message in str(error.value)
