"""The page about a data set: what it shows, that it is one file, and that it is small."""

from __future__ import annotations

import base64
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from planted_mistakes import TRAPS
from small_own_data import VIDEOS, write_small_set

from mmlt.evaluation.dataset_page import page as page_module
from mmlt.evaluation.dataset_page.page import write_dataset_page
from mmlt.evaluation.dataset_page.pictures import Picture, keyframe_of
from mmlt.experiments.dataset_pictures import keyframe_drawer
from mmlt.fileio.dataset_checks.settings import GroupRule, splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits

LIMITS = GroupRule(10, 5)  # of training 15 boxes walk, 11 stand and 4 wave


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp('good'))


def _check(root, *names):
    for name in names:
        TRAPS[name].plant(root)
    return check_splits(splits_of_config(Config.fromfile(root / 'config.py')))


def _page(check, folder, **options):
    path = write_dataset_page(check, folder / 'check.html', title='Set', rule=LIMITS, **options)
    return path.read_text(encoding='utf-8')


def _section(html, heading):
    return html.partition(f'<h2>{heading}</h2>')[2].partition('</section>')[0]


def _texts(html):
    return [re.sub('<[^>]+>', '', cell) for cell in re.findall(r'<t[hd][^>]*>(.*?)</t[hd]>', html)]


def test_good_set_says_so_and_shows_its_splits_and_classes(good, tmp_path):
    html = _page(_check(good), tmp_path)
    assert 'Nothing is wrong with the files' in _section(html, 'Findings')
    cells = _texts(_section(html, 'Splits'))
    assert cells[9:18] == ['train', '2', '15', '30', '30', '2.0', '3', '100%', '100%']
    cells = _texts(_section(html, 'All classes'))
    assert cells[:6] == ['class', 'id', 'group', 'train', 'val', 'test']
    assert cells[6:12] == ['walk', '2', 'head', '15 (100%)', '7 (100%)', '7 (100%)']
    assert cells[12:15] + cells[18:21] == ['stand', '1', 'head', 'wave', '3', 'tail']
    histogram = _section(html, 'How frequent the classes are')
    assert 'walk: 15 in train, 7 in val, 7 in test' in histogram
    assert 'Head: more than 10 training rows; tail: at most 5.' in histogram


def test_every_finding_is_a_row(good, tmp_path):
    root = shutil.copytree(good, tmp_path / 'set')
    check = _check(root, 'train and val share a video', 'keyframes without a proposal')
    findings = _section(_page(check, tmp_path), 'Findings')
    rows = findings.partition('<tbody>')[2].split('</tr>')[:-1]
    assert len(rows) == len(check.findings) == 3
    assert [re.search(r'chip (\w+)', row)[1] for row in rows] == ['error', 'error', 'warning']
    assert 'line 17: <code>&#x27;walk_b&#x27;</code>' in rows[1]
    assert 'put all keyframes of a video into one split' in rows[1]


def test_texts_of_the_data_are_escaped(good, tmp_path):
    root = shutil.copytree(good, tmp_path / 'set')
    path = root / 'annotations' / 'label_map.pbtxt'
    path.write_text(path.read_text().replace('wave', '<script>alert(1)</script>'))
    html = _page(_check(root), tmp_path, draw_at=lambda _: lambda _: Picture('', 9, 9, 'none'))
    assert '<script>alert' not in html and '&lt;script&gt;alert' in html


def test_pictures_are_in_the_file(good, tmp_path):
    check = _check(good)
    html = _page(check, tmp_path, draw_at=keyframe_drawer(check))
    assert len(_section(html, 'Keyframes by chance').split('<img')) - 1 == 3 * 6
    assert _section(html, 'Keyframes that the proposals meet worst') == ''  # they meet all
    rare = _section(html, 'Samples of the rarest classes')
    assert [h for h in re.findall('<h3>(.*?)</h3>', rare)] == [
        'wave (4 + 2 + 2)',
        'stand (11 + 5 + 5)',
        'walk (15 + 7 + 7)',
    ]
    assert len(rare.split('<img')) - 1 == 3 * 4
    captions = re.findall('<figcaption>(.*?)</figcaption>', rare)
    assert captions[:4] == [
        f'walk_{video}, {second} s: wave' for video in 'ab' for second in (3, 4)
    ]
    sources = re.findall(r'<img src="([^"]*)"', html)
    assert all(source.startswith('data:image/jpeg;base64,') for source in sources)
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)  # nothing is fetched


def test_worst_keyframes_are_those_that_no_proposal_meets(good, tmp_path):
    root = shutil.copytree(good, tmp_path / 'set')
    check = _check(root, 'keyframes without a proposal')
    worst = _section(
        _page(check, tmp_path, draw_at=keyframe_drawer(check)),
        'Keyframes that the proposals meet worst',
    )
    captions = re.findall('<figcaption>(.*?)</figcaption>', worst)
    assert captions == [
        'walk_a, 2 s: walk, stand: best IoU 0.00',
        'walk_b, 5 s: walk, stand: best IoU 0.00',
    ]


def test_same_set_gives_the_same_page(good, tmp_path):
    check = _check(good)
    pages = {_page(check, tmp_path, draw_at=keyframe_drawer(check)) for _ in range(2)}
    assert len(pages) == 1


def test_frames_that_are_not_there_are_told(good, tmp_path):
    root = shutil.copytree(good, tmp_path / 'set')
    shutil.rmtree(root / 'rawframes' / VIDEOS['val'][0])
    check = _check(root)
    html = _page(check, tmp_path, draw_at=keyframe_drawer(check))
    assert 'class="absent"' in html and 'walk_c' in html


def test_set_without_a_usable_row_still_has_a_page(good, tmp_path):
    root = shutil.copytree(good, tmp_path / 'set')
    for split in VIDEOS:
        (root / 'annotations' / f'{split}.csv').write_text('nothing\n')
    check = _check(root)
    html = _page(check, tmp_path, draw_at=keyframe_drawer(check))
    assert 'not one row can be used' in html


def test_groups_are_those_of_the_split_file(good, tmp_path):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps({'source': 'mine', 'head': [3], 'tail': [1, 2]}))
    rule = GroupRule(split_file=str(path))
    write_dataset_page(_check(good), tmp_path / 'p.html', title='Set', rule=rule)
    html = (tmp_path / 'p.html').read_text(encoding='utf-8')
    assert f'Head, medium and tail are those of {path}.' in html
    cells = _texts(_section(html, 'All classes'))
    assert cells[6:9] + cells[18:21] == ['walk', '2', 'tail', 'wave', '3', 'head']


def test_pictures_are_made_coarser_until_they_fit(good, tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, 'MAX_BYTES', 200_000)
    asked = []

    def draw_at(quality):
        asked.append(quality)
        return lambda _: Picture('data:' + 'x' * 100 * quality, 10, 10)

    _page(_check(good), tmp_path, draw_at=draw_at)
    assert asked == [70, 45]
    monkeypatch.setattr(page_module, 'MAX_BYTES', 1000)
    with pytest.raises(ValueError, match='the page would take .* MB, more than'):
        _page(_check(good), tmp_path, draw_at=draw_at)


def test_pictures_show_green_over_orange_boxes(good):
    check = _check(good)
    keyframe = keyframe_of(check, 'train', 0)
    picture = keyframe_drawer(check)(95)(keyframe)
    data = base64.b64decode(picture.uri.partition(',')[2])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert image.shape == (240, 320, 3) == (picture.height, picture.width, 3)
    # left edges at mid height: the annotated box begins at .02, the proposal at .025 of the width
    assert keyframe.annotated[0, 0] == 0.02 and keyframe.proposed[0, 0] == 0.025
    blue, green, red = image[120, 3:9].T
    assert ((green > red + 30) & (green > blue + 30)).any()
    # the upper edges, .2 and .21 of the height
    blue, green, red = image[44:52, 30].T
    assert ((green > red + 30) & (green > blue + 30)).any()
    # the lower ones, .8 and .81: the proposal's is below
    blue, green, red = image[190:200, 30].T
    assert ((red > green + 20) & (green > blue + 20)).any()
