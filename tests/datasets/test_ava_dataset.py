from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmaction.datasets import AVADataset as Stock
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS

BOX = '0.1,0.2,0.5,0.9'


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture
def files(tmp_path):
    """Annotations of two keyframes and proposals of one of them."""
    (tmp_path / 'train.csv').write_text(
        f'v,0902,{BOX},3,0\nv,0902,{BOX},7,0\nv,0903,{BOX},1,1\n', encoding='utf-8'
    )
    proposals = {'v,0902': np.array([[0.1, 0.2, 0.5, 0.9, 0.99], [0.0, 0.0, 0.2, 0.2, 0.5]])}
    (tmp_path / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    return dict(
        ann_file=str(tmp_path / 'train.csv'),
        proposal_file=str(tmp_path / 'proposals.pkl'),
        pipeline=[],
        num_classes=8,
    )


def _write(files, text):
    with open(files['ann_file'], 'w', encoding='utf-8') as file:
        file.write(text)


def _assert_same(value, other):
    assert type(value) is type(other)
    if isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value:
            _assert_same(value[key], other[key])
    else:
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize('options', [{}, dict(person_det_score_thr=0.4), dict(test_mode=True)])
def test_samples_are_those_of_mmaction2(files, options):
    ours = DATASETS.build(dict(type='mmlt.AVADataset', **files, **options))
    stock = Stock(**files, **options)
    assert len(ours) == len(stock) == 2
    for index in range(2):
        _assert_same(ours.get_data_info(index), stock.get_data_info(index))


def test_keyframes_without_proposals_are_counted_in_one_warning(files, monkeypatch):
    from mmlt.datasets import ava_dataset

    said = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: said.append(text))
    ava_dataset.AVADataset(**files)
    said = [text for text in said if 'proposal' in text]
    assert len(said) == 1
    assert "no proposal for 1 of 2 keyframes (the first: 'v,0903')" in said[0]


@pytest.mark.parametrize('positional', [False, True])
def test_proposals_are_not_unpickled_freely(files, positional):
    from mmlt.datasets.ava_dataset import AVADataset

    with open(files['proposal_file'], 'wb') as file:
        pickle.dump({'v,0902': print}, file)
    kwargs = dict(files)
    names = ('ann_file', 'pipeline', 'exclude_file', 'label_file', 'filename_tmpl', 'start_index')
    values = [kwargs.pop('ann_file'), kwargs.pop('pipeline'), None, None, 'img_{:05}.jpg', 1]
    args = [*values, kwargs.pop('proposal_file')] if positional else []
    kwargs = kwargs if positional else {**files, **dict(zip(names[2:], values[2:]))}
    with pytest.raises(ValueError, match=r'proposals\.pkl: not a pickle of a plain dict'):
        AVADataset(*args, **kwargs)


def test_excluded_keyframes_are_those_of_mmaction2(files, tmp_path):
    (tmp_path / 'excluded.csv').write_text('v,0902\nw,0903\n', encoding='utf-8')
    options = {**files, 'exclude_file': str(tmp_path / 'excluded.csv')}
    ours, stock = DATASETS.build(dict(type='mmlt.AVADataset', **options)), Stock(**options)
    assert len(ours) == len(stock) == 1
    _assert_same(ours.get_data_info(0), stock.get_data_info(0))


@pytest.mark.parametrize(
    'text, message',
    [
        ('v,0902\nv;0903\n', r'excluded\.csv, line 2'),
        ('v,0902\nv,0903\n', r'train\.csv: .*excluded\.csv excludes every keyframe'),
    ],
)
def test_a_bad_exclusion_list(files, tmp_path, text, message):
    (tmp_path / 'excluded.csv').write_text(text, encoding='utf-8')
    options = {**files, 'exclude_file': str(tmp_path / 'excluded.csv')}
    with pytest.raises(ValueError, match=message):
        DATASETS.build(dict(type='mmlt.AVADataset', **options))


def test_a_label_file_that_is_not_there(files):
    with pytest.raises(FileNotFoundError, match=r'label_file: nowhere\.pbtxt'):
        DATASETS.build(dict(type='mmlt.AVADataset', label_file='nowhere.pbtxt', **files))


@pytest.mark.parametrize(
    'text, message',
    [
        (
            f'v,0902,{BOX},3,0\nv,0902,{BOX},8,0\n',
            r'line 2: class id 8 does not fit num_classes=8 \(1 to 7\)',
        ),
        (f'v,0902,{BOX},0,0\n', 'line 1: class id 0'),
        (f'v,0902,{BOX},3\n', '7 columns; a dataset needs 8'),
        (f'v,0902,{BOX},3,0\nv,0902,{BOX},3\n', 'line 2'),
        ('v,0902,0.5,0.2,0.1,0.9,3,0\n', 'line 1.*x1'),
        (f'v,0902,{BOX},three,0\n', 'line 1.*three'),
        (f'v,902.0,{BOX},3,0\n', r"line 1: 'v,902\.0"),
        (f'v,0902,{BOX},3,0\nv,0902,{BOX},3,0.5\n', r'line 2: .*,0\.5'),
        (f'v,0902,{BOX},3,0\n\nv,0903,{BOX},3,0\n', "line 2: ''"),
        (f'"v,w",0902,{BOX},3,0\n', 'line 1: .*without quotes'),
        (f'\ufeffv,0902,{BOX},3,0\n', 'line 1: a byte-order mark'),
    ],
)
def test_errors_name_file_line_and_value(files, text, message):
    _write(files, text)
    with pytest.raises(ValueError, match=rf'(?s)train\.csv.*{message}'):
        DATASETS.build(dict(type='mmlt.AVADataset', **files))


def test_custom_classes_leave_the_others_out(files, tmp_path):
    label_map = tmp_path / 'map.pbtxt'
    items = ''.join(f'item {{\n  name: "c{i}"\n  id: {i}\n}}\n' for i in (1, 3, 7))
    label_map.write_text(items, encoding='utf-8')
    options = {**files, 'num_classes': 3, 'custom_classes': [1, 3], 'label_file': str(label_map)}
    ours = DATASETS.build(dict(type='mmlt.AVADataset', **options))
    assert ours.get_data_info(0)['gt_labels'].tolist() == [[0, 0, 1]]
