"""Slow, strict readers of mmlt's binary files; each shares no line with mmlt's."""

from __future__ import annotations

import io
import json
import math
import pickle
import re
import struct

import numpy as np
from json_references import json_object
from text_references import Refused, demand, name


def plain(array) -> tuple:
    """An array as what can be compared: bytes tell -0 from 0, and one NaN from none."""
    array = np.asarray(array)
    return array.dtype.str if array.dtype.names is None else array.dtype.descr, array.shape, (
        array.tobytes()
    )  # fmt: skip


def npy(path) -> np.ndarray:
    """By the rules of numpy.lib.format, for versions 1 to 3; nothing may follow the data."""
    content = path.read_bytes()
    demand(content[:6] == b'\x93NUMPY' and content[6:8] in (b'\1\0', b'\2\0', b'\3\0'))
    layout = '<H' if content[6] == 1 else '<I'
    start = 8 + struct.calcsize(layout)
    demand(len(content) >= start)
    (length,) = struct.unpack(layout, content[8:start])
    demand(len(content) >= start + length)
    header = _as_json(content[start : start + length].decode('latin-1'))
    demand(isinstance(header, dict) and set(header) == {'descr', 'fortran_order', 'shape'})
    dtype, shape = _dtype(header['descr']), header['shape']
    demand(isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape))
    data = content[start + length :]
    demand(dtype.itemsize > 0 and len(data) == math.prod(shape) * dtype.itemsize)
    demand(type(header['fortran_order']) is bool)
    order = 'F' if header['fortran_order'] else 'C'
    try:
        return np.frombuffer(data, dtype).reshape(shape, order=order)
    except ValueError:
        raise Refused from None


def _as_json(header: str):
    """Python's dict, tuples and truth values in JSON's letters."""
    text = header.strip().replace("'", '"').replace('(', '[').replace(')', ']')
    text = re.sub(r'(\d)L([,\]])', r'\1\2', text)  # a long integer of Python 2
    text = text.replace('True', 'true').replace('False', 'false')
    text = re.sub(r',\s*([\]}])', r'\1', text)
    try:
        return json.loads(text)
    except ValueError:
        raise Refused from None


def _dtype(description) -> np.dtype:
    if isinstance(description, list):
        demand(all(isinstance(field, list) and len(field) in (2, 3) for field in description))
        fields = [(f[0], f[1], *(tuple(extra) for extra in f[2:])) for f in description]
        try:
            return np.dtype(fields)
        except (TypeError, ValueError):
            raise Refused from None
    demand(isinstance(description, str) and re.fullmatch('[<>|=][biufU][0-9]+', description))
    try:
        return np.dtype(description)
    except (TypeError, ValueError):
        raise Refused from None


def frame_features(path) -> tuple:
    array = npy(path)
    demand(array.ndim == 2 and array.dtype.kind == 'f' and min(array.shape) >= 1)
    return plain(array)


def box_features(folder) -> tuple:
    """What a folder of box features holds, as far as its files agree."""
    meta, index = json_object(folder / 'meta.json'), json_object(folder / 'index.json')
    keyframes = npy(folder / 'keyframes.npy')
    demand(keyframes.shape == (meta['num_keyframes'],))
    parts = []
    for number in range(len(index['shards'])):
        shard = folder / f'shard_{number:05d}'
        features, labels, rows = (npy(shard / f'{n}.npy') for n in ('features', 'labels', 'rows'))
        demand(len(features) == len(labels) == len(rows) == index['shards'][number]['num_rows'])
        demand(features.shape[1] == meta['feature_dim'] and features.dtype == meta['dtype'])
        demand(labels.shape[1] == meta['num_classes'] and set(labels.ravel().tolist()) <= {0, 1})
        demand(set(rows['kind'].tolist()) <= {0, 1} and (rows['box'] >= 0).all())
        parts.append((features.astype(np.float32), labels, rows))
    features, labels, rows = (np.concatenate(arrays) for arrays in zip(*parts))
    return meta, keyframes.tolist(), plain(features), plain(labels), plain(rows)


def feature_bank(folder) -> tuple:
    """What a feature bank holds, as far as its files agree."""
    meta, index = json_object(folder / 'meta.json'), json_object(folder / 'index.json')
    keyframes, persons = npy(folder / 'keyframes.npy'), npy(folder / 'persons.npy')
    demand(meta['format'] == 'mmlt feature bank, version 1')
    demand(re.fullmatch('[0-9a-f]{64}', meta['checkpoint_sha256']))
    rows, size = keyframes.tolist(), meta['keyframes_per_shard']
    demand((len(rows), len(persons)) == (meta['num_keyframes'], meta['num_persons']))
    demand(all(one[:2] < other[:2] and one[2] < other[2] for one, other in zip(rows, rows[1:])))
    bounds = [row[2] for row in rows] + [len(persons)]
    demand(bounds[0] == 0 and all(one < other for one, other in zip(bounds, bounds[1:])))
    for start, stop in zip(bounds, bounds[1:]):
        scores = persons['score'][start:stop].tolist()
        demand(not any(one < other for one, other in zip(scores, scores[1:])))
    starts = [*bounds[:-1][::size], len(persons)]
    demand(len(starts) - 1 == len(index['shards']) == meta['num_shards'])
    shards = []
    for number, (start, stop) in enumerate(zip(starts, starts[1:])):
        features = npy(folder / f'shard_{number:05d}.npy')
        demand(features.shape == (stop - start, meta['feature_dim']))
        demand(features.dtype == meta['dtype'])
        named = {'name': f'shard_{number:05d}.npy', 'num_rows': stop - start}
        demand(index['shards'][number] == named)
        shards.append(features)
    return meta, rows, plain(persons), *map(plain, shards)


class _StandIn:
    """Takes numpy's place: keeps what it is called with."""

    def __init__(self, *arguments) -> None:
        self.arguments, self.state = arguments, None

    def __setstate__(self, state) -> None:
        self.state = state


class _DType(_StandIn):
    def made(self) -> np.dtype:
        demand(re.fullmatch('[biuf][0-9]+', self.arguments[0]))
        demand(self.state[1] in tuple('<>|='))
        return np.dtype(self.state[1] + self.arguments[0])


class _Array(_StandIn):
    def made(self) -> np.ndarray:
        if self.state is None:  # numpy's _frombuffer
            content, dtype, shape, order = self.arguments
        else:
            _, shape, dtype, is_fortran, content = self.state
            order = 'F' if is_fortran else 'C'
        demand(self.state is None or self.arguments[:1] == ('ndarray',))
        demand(isinstance(dtype, _DType) and type(content) in (str, bytes, bytearray))
        content = content.encode('latin-1') if isinstance(content, str) else bytes(content)
        return np.frombuffer(content, dtype.made()).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    demand(encoding.replace('-', '') == 'latin1')
    return text.encode('latin-1')


class _Unpickler(pickle._Unpickler):
    """Python's own in pure Python, which knows stand-ins and nothing of numpy."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, content: bytes) -> None:
        self.stream = io.BytesIO(content)
        super().__init__(self.stream, encoding='latin1')

    def load_frame(self) -> None:
        """A frame says how much can be read ahead; where it ends means nothing."""
        (length,) = struct.unpack('<Q', self.read(8))
        demand(length <= len(self.stream.getbuffer()) - self.stream.tell())

    dispatch[pickle.FRAME[0]] = load_frame

    def load_int(self) -> None:
        """Python takes 1_0 and blanks for a number."""
        line = self.readline()
        demand(re.fullmatch(rb'-?[0-9]{1,30}\n', line))
        self.append({b'00\n': False, b'01\n': True}.get(line, int(line)))

    dispatch[pickle.INT[0]] = load_int

    def find_class(self, module: str, called: str):
        known = {'numpy.dtype': _DType, 'numpy.ndarray': 'ndarray', '_codecs.encode': _encode}
        known |= {'__builtin__.bytes': bytes, 'builtins.bytes': bytes}
        for core in ('core', '_core'):
            known[f'numpy.{core}.multiarray._reconstruct'] = _Array
            known[f'numpy.{core}.numeric._frombuffer'] = _Array
        demand(f'{module}.{called}' in known)
        return known[f'{module}.{called}']

    def load(self):
        found = super().load()
        demand(not self.stack and not self.metastack and not self.stream.read(1))
        return found


def proposals(path) -> dict:
    try:
        content = _Unpickler(path.read_bytes()).load()
        demand(type(content) is dict)
        arrays = {key: value.made() for key, value in content.items()}
    except Refused:
        raise
    except Exception:  # whatever a broken pickle raises: this reader says no
        raise Refused from None
    found = {}
    for key, array in arrays.items():
        video, comma, second = key.rpartition(',')
        demand(comma and re.fullmatch('[0-9]{1,9}', second))
        demand(array.ndim == 2 and array.shape[1] in (4, 5) and array.dtype.kind in 'fiu')
        normal = f'{name(video)},{second.lstrip("0").rjust(4, "0")}'
        demand(normal not in found)
        found[normal] = (array.dtype.str, [_box(row) for row in array.tolist()])
    return {key: value for key, value in found.items() if value[1]}


def _box(row: list) -> list:
    demand(all(math.isfinite(value) for value in row))
    demand(row[0] <= row[2] and row[1] <= row[3])
    demand(all(-0.05 <= value <= 1.05 for value in row[:4]))
    return [min(max(value, 0.0), 1.0) for value in row[:4]] + row[4:]
