from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from mmengine.fileio import load as mmengine_load

from mmlt.fileio.proposals import read_proposals, write_proposals

BOX = [0.1, 0.2, 0.5, 0.9, 0.95]


def _write(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize('protocol', [0, 1, 2, 4, 5])
@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_a_plain_dict_of_arrays_comes_back(tmp_path, protocol, dtype):
    content = {'a,0902': np.array([BOX, BOX], dtype), 'b,0903': np.array([BOX[:4]], dtype)}
    read = read_proposals(_write(tmp_path / 'p.pkl', content, protocol))
    assert read.keys() == content.keys()
    for key, boxes in content.items():
        assert read[key].dtype == dtype
        np.testing.assert_array_equal(read[key], boxes)


def test_names_that_numpy_2_writes(tmp_path):
    raw = pickle.dumps({'a,0902': np.array([BOX])}, protocol=2)
    old, new = b'numpy.core.multiarray', b'numpy._core.multiarray'
    both = {raw.replace(new, old), raw.replace(old, new)}
    assert len(both) == 2
    for content in both:
        (tmp_path / 'p.pkl').write_bytes(content)
        assert read_proposals(tmp_path / 'p.pkl')['a,0902'].tolist() == [BOX]


def test_a_keyframe_with_no_box_is_left_out(tmp_path):
    content = {'a,0902': np.zeros((0, 5)), 'a,0903': np.array([BOX])}
    assert list(read_proposals(_write(tmp_path / 'p.pkl', content))) == ['a,0903']


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize(
    'content',
    [
        OrderedDict({'a,0902': np.array([BOX])}),
        {np.str_('a,0902'): np.array([BOX])},
        {'a,0902': np.float64(1)},
    ],
    ids=['OrderedDict', 'str_', 'float64'],
)
def test_what_is_nearly_plain_is_refused_with_the_way_to_write_it(tmp_path, content, protocol):
    path = _write(tmp_path / 'p.pkl', content, protocol)
    with pytest.raises(ValueError, match=r'OrderedDict|multiarray\.scalar') as error:
        read_proposals(path)
    told = str(error.value).partition('as the plain dict ')[2]
    assert told.startswith('{str(key): numpy.array(value) for key, value in')
    names = {'numpy': np, 'content': {np.str_('a,0902'): np.array([BOX])}}
    again = eval(told.replace('...', 'content.items()'), names)
    assert list(read_proposals(_write(path, again, protocol))) == ['a,0902']


class Attack:
    """Unpickles into a call."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'value, named',
    [
        (Attack(os.system, 'echo harm > harm'), 'posix.system|nt.system'),
        (Attack(eval, '1'), 'eval'),
        (Attack(getattr, dict, 'fromkeys'), 'getattr'),
        (OrderedDict(), 'OrderedDict'),
    ],
    ids=['os.system', 'eval', 'getattr', 'another class'],
)
def test_anything_else_is_refused_and_not_run(tmp_path, monkeypatch, value, named):
    monkeypatch.chdir(tmp_path)
    path = _write(tmp_path / 'p.pkl', {'a,0902': value})
    with pytest.raises(ValueError, match=rf'p\.pkl: not a pickle of a plain dict.*({named})'):
        read_proposals(path)
    assert not (tmp_path / 'harm').exists()


def _call_through(name):
    """A protocol-4 pickle that calls ``numpy.dtypes.<name>`` with the argument 'eval'."""

    def text(value):
        return b'\x8c' + bytes([len(value)]) + value.encode()

    return b'\x80\x04' + text('numpy.dtypes') + text(name) + b'\x93' + text('eval') + b'\x85R.'


@pytest.mark.parametrize(
    'name',
    [
        '__loader__.get_data.__builtins__.__getitem__',
        '_add_dtype_helper.__builtins__.__getitem__',
        '__dict__',
        'ObjectDType',
    ],
)
def test_no_way_leads_through_an_allowed_module(tmp_path, name):
    (tmp_path / 'p.pkl').write_bytes(_call_through(name))
    with pytest.raises(ValueError, match=rf'it holds numpy\.dtypes\.{name}'):
        read_proposals(tmp_path / 'p.pkl')


@pytest.mark.parametrize(
    'content, message',
    [
        ([BOX], r'not a dict of arrays but list'),
        ({'a': np.array([BOX])}, r"'a': a key must be a string such as 'video,0902'"),
        ({('a', 902): np.array([BOX])}, r'not a .* it holds a key that is no text but tuple'),
        ({'a,0902': [BOX]}, r"'a,0902': not an array of numbers but list"),
        ({'a,0902': np.array(['x'])}, r"'a,0902': not an array of numbers but dtype <U1"),
        ({'a,0902': np.zeros((2, 6))}, r"'a,0902': shape \(2, 6\), expected"),
        ({'a,0902': np.zeros(5)}, r"'a,0902': shape \(5,\), expected"),
        ({'a,0902': np.array([BOX, [0.5, 0, 0.1, 1, 1]])}, r"'a,0902', row 1: \[0.5, 0.0, 0.1,"),
        (
            {'a,0902': np.array([[*BOX[:4], np.nan]])},
            r"'a,0902', row 0: \[.*nan\]: a box needs finite",
        ),
    ],
)
def test_errors_name_file_and_key(tmp_path, content, message):
    with pytest.raises(ValueError, match=r'p\.pkl: ' + message):
        read_proposals(_write(tmp_path / 'p.pkl', content))


@pytest.mark.parametrize(
    'content', [b'', b'not a pickle', b'\x80\x04\x95', b'\x80\x64.', b'\x80\x02]}\x8fs.']
)
def test_a_file_that_is_no_pickle(tmp_path, content):
    (tmp_path / 'p.pkl').write_bytes(content)
    with pytest.raises(ValueError, match=r'p\.pkl: not a pickle'):
        read_proposals(tmp_path / 'p.pkl')


@pytest.mark.parametrize('written', ['v,902', 'v,0902', 'v,00902'])
def test_a_key_may_be_padded_or_not(tmp_path, written):
    content = {written: np.array([BOX]), 'a,b,12000': np.array([BOX])}
    assert list(read_proposals(_write(tmp_path / 'p.pkl', content))) == ['v,0902', 'a,b,12000']


def test_two_keys_that_are_one_keyframe(tmp_path):
    content = {'v,902': np.array([BOX]), 'v,0902': np.array([BOX])}
    with pytest.raises(ValueError, match=r"p\.pkl: 'v,0902': the same keyframe as 'v,902'"):
        read_proposals(_write(tmp_path / 'p.pkl', content))


@pytest.mark.parametrize(
    'key', [',0902', 'v,', 'v,9_0', 'v,\uff19\uff10', 'v\0,0902', 'v,-1', 'v,1.0']
)
def test_a_key_that_is_no_keyframe(tmp_path, key):
    with pytest.raises(ValueError, match=r'p\.pkl: .*a key must be a string such as'):
        read_proposals(_write(tmp_path / 'p.pkl', {key: np.array([BOX])}))


def test_a_corner_a_little_outside_is_moved_to_the_edge(tmp_path):
    """Where mmaction2 would assert that there is none, in the middle of an epoch."""
    boxes = np.array([BOX, [-0.05, 0.2, 1.05, 1.001, 0.9]])
    content = {'v,0902': boxes, 'v,0903': np.array([BOX[:4]], np.float32)}
    found = read_proposals(_write(tmp_path / 'p.pkl', content))
    assert found['v,0902'].tolist() == [BOX, [0, 0.2, 1, 1, 0.9]]
    assert found['v,0903'].tolist() == np.array([BOX[:4]], np.float32).tolist()


@pytest.mark.parametrize(
    ('corners', 'asks'),
    [([0.1, 0.2, 1.06, 0.9], False), ([-0.06, 0, 1, 1], False), ([12, 30, 340, 254], True)],
)
def test_a_box_in_pixels_is_asked_about(tmp_path, corners, asks):
    content = {'v,0902': np.array([BOX]), 'v,903': np.array([BOX, [*corners, 0.5]])}
    with pytest.raises(ValueError, match=r"p\.pkl: 'v,903', row 1: .*in fractions of") as error:
        read_proposals(_write(tmp_path / 'p.pkl', content))
    assert ('is this one in pixels?' in str(error.value)) is asks


def test_what_is_written_is_read(tmp_path):
    """As float64, by mmlt's reader and by mmaction2's, which unpickles."""
    boxes = {'a,0902': np.array([BOX, BOX], np.float32), 'b,0903': np.array([BOX])}
    write_proposals(tmp_path / 'p.pkl', boxes)
    read, loaded = read_proposals(tmp_path / 'p.pkl'), mmengine_load(tmp_path / 'p.pkl')
    for found in (read, loaded):
        assert list(found) == list(boxes)
        for key in boxes:
            assert found[key].dtype == np.float64
            np.testing.assert_array_equal(found[key], boxes[key])


def test_equal_boxes_give_equal_bytes(tmp_path):
    """Whatever array they are in: from a pickle, a view, in another order in memory."""
    boxes = np.array([BOX, BOX[::-1]])
    forms = [
        boxes,
        pickle.loads(pickle.dumps(boxes)),
        np.asfortranarray(boxes),
        np.stack([boxes, boxes])[1],
    ]
    for number, form in enumerate(forms):
        write_proposals(tmp_path / f'{number}.pkl', {'a,0902': form, 'a,0903': boxes})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_file_is_replaced_only_when_asked(tmp_path):
    write_proposals(tmp_path / 'p.pkl', {})
    with pytest.raises(FileExistsError, match=r'p\.pkl: exists already'):
        write_proposals(tmp_path / 'p.pkl', {'a,0902': np.array([BOX])})
    assert read_proposals(tmp_path / 'p.pkl') == {}
    write_proposals(tmp_path / 'p.pkl', {'a,0902': np.array([BOX])}, overwrite=True)
    assert list(read_proposals(tmp_path / 'p.pkl')) == ['a,0902']
