from __future__ import annotations

import json

import pytest

from mmlt.fileio.annotation_formats import read_annotations
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox
from mmlt.fileio.via_project import ViaBox, ViaFile, is_worked_on, write_via_project

IMAGES = [ViaFile(f'rawframes/a b/img_{k}.jpg', is_video=False) for k in range(3)]
BOXES = [
    ViaBox(IMAGES[2].source, None, (10, 20.126, 40, 80.5), '7', ('sit, alone', 'run')),
    ViaBox(IMAGES[0].source, None, (0, 0, 5, 5), '8'),
]
NAMES = ('run', 'wave', 'sit, alone')


def _read(path):
    return json.loads(path.read_text(encoding='utf-8'))


def test_images_as_via_writes_them(tmp_path):
    """The structure in VIA's CodeDoc.md, keys and kinds of values."""
    path = tmp_path / 'to do.json'
    write_via_project(path, IMAGES, BOXES, NAMES)
    content = _read(path)
    assert set(content) == {'project', 'config', 'attribute', 'file', 'metadata', 'view'}
    assert content['project']['vid_list'] == ['1', '2', '3']
    assert content['project']['pname'] == 'to do'
    prefix = f'{tmp_path.as_uri()}/'
    assert content['config']['file']['loc_prefix'] == {'1': '', '2': '', '3': prefix, '4': ''}
    source = IMAGES[2].source
    expected = {'fid': '3', 'fname': source, 'type': 2, 'loc': 3, 'src': source}
    assert content['file']['3'] == expected
    assert content['view']['3'] == {'fid_list': ['3']}
    person, action = content['attribute']['1'], content['attribute']['2']
    assert (person['aname'], person['type'], person['options']) == ('person', 1, {})
    assert (action['aname'], action['type']) == ('action', 2)
    assert action['options'] == {'0': 'run', '1': 'wave', '2': 'sit, alone'}
    assert {person['anchor_id'], action['anchor_id']} == {'FILE1_Z0_XY1'}
    assert content['config']['ui']['spatial_region_label_attribute_id'] == '1'
    first, second = content['metadata'].values()
    values = {'1': '7', '2': '2,0'}
    assert first == dict(vid='3', flg=0, z=[], xy=[2, 10, 20.13, 30, 60.37], av=values)
    assert second == dict(vid='1', flg=0, z=[], xy=[2, 0, 0, 5, 5], av={'1': '8'})


def test_videos_have_times(tmp_path):
    path = tmp_path / 'p.json'
    write_via_project(
        path, [ViaFile('../a.mp4', True)], [ViaBox('../a.mp4', 1.5, (0, 0, 1, 2), '')], ()
    )
    content = _read(path)
    assert content['file']['1']['type'] == 4
    assert {entry['anchor_id'] for entry in content['attribute'].values()} == {'FILE1_Z1_XY1'}
    assert next(iter(content['metadata'].values()))['z'] == [1.5]


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / 'p.json'
    write_via_project(path, IMAGES, BOXES, NAMES)
    name, (found, _) = read_annotations(path)
    assert name == 'VIA 3 project'
    expected = [
        AnnotatedBox('', IMAGES[2].source, None, None, (10, 20.13, 40, 80.5), 'pixels',
                     ('sit, alone', 'run'), '7'),
        AnnotatedBox('', IMAGES[0].source, None, None, (0, 0, 5, 5), 'pixels', (), '8'),
    ]  # fmt: skip
    assert [box._replace(where='') for box in found] == expected


def test_whether_somebody_has_worked_on_it(tmp_path):
    path = tmp_path / 'p.json'
    assert not is_worked_on(path)
    write_via_project(path, IMAGES, BOXES[1:], NAMES)
    assert not is_worked_on(path)
    write_via_project(path, IMAGES, BOXES, NAMES, overwrite=True)
    assert is_worked_on(path)


@pytest.mark.parametrize('work', ['delete', 'move', 'add an option', None])
def test_work_without_an_action_is_work(tmp_path, work):
    path = tmp_path / 'p.json'
    write_via_project(path, IMAGES, BOXES[1:], NAMES)
    text = path.read_text(encoding='utf-8').replace('5.0', '5')  # as JavaScript writes it
    content = json.loads(text)
    if work == 'delete':
        content['metadata'].clear()
    elif work == 'move':
        next(iter(content['metadata'].values()))['xy'][1] += 2
    elif work:
        content['attribute']['2']['options']['9'] = 'jump'
    path.write_text(json.dumps(content), encoding='utf-8')
    assert is_worked_on(path) == (work is not None)


def test_errors(tmp_path):
    path = tmp_path / 'p.json'
    with pytest.raises(ValueError, match=r"img_2.jpg: action 'run' is none of \['wave'\]"):
        write_via_project(path, IMAGES, [BOXES[0]._replace(actions=('run',))], ('wave',))
    with pytest.raises(ValueError, match=r"a box of 'x.jpg', which is none of the 3 files"):
        write_via_project(path, IMAGES, [BOXES[1]._replace(source='x.jpg')], NAMES)
    path.write_text('mine')
    with pytest.raises(FileExistsError, match='exists already'):
        write_via_project(path, IMAGES, BOXES, NAMES)
    assert path.read_text() == 'mine'
