from __future__ import annotations

import pytest

from mmlt.fileio.json_files import read_json_object, write_json


def _write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize('mark', ['', '\ufeff'])
def test_an_object_comes_back(tmp_path, mark):
    path = _write(
        tmp_path / 'a.json', mark + '{"a": [1, -2.5e3, null, true, "\\u00e4\\ud83d\\ude00"]}'
    )
    assert read_json_object(path) == {'a': [1, -2500.0, None, True, '\u00e4\U0001f600']}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{\n"a": }', ', line 2: not JSON: Expecting value'),
        ('{\r"a": }', ', line 2: not JSON'),
        ('{"b": "NaN",\n"a": NaN}', r', line 2: NaN is not JSON \(an undefined value is written'),
        ('{\n\n"a": [-Infinity]}', ', line 3: -Infinity is not JSON'),
        ('{\n"a": 1e400}', ', line 2: 1e400 is more than a number can hold'),
        ('{\n"a": 9223372036854775808}', ', line 2: 9223372036854775808 is more than 64 bits hold'),
        ('{"a": ' + '9' * 5000 + '}', ', line 1: 9+ is more than 64 bits hold'),
        ('{\n"a": 1,\n"b": 2,\n"a": 3}', ', line 2: "a" stands twice as a key of one object'),
        ('{"a": "\\ud800"}', ': a string in it holds half of a surrogate pair'),
        ('{"a": ' + '[' * 50_000 + ']' * 50_000 + '}', ': not JSON that can be read: nested too'),
        ('[1]', ': not a JSON object but list'),
        (b'{\n"a": "\xe9"}', r", line 2: byte b'\\xe9' is not UTF-8 text"),
        ('', ', line 1: not JSON'),
        ('{} {}', ', line 1: not JSON: Extra data'),
    ],
)
def test_all_else_is_an_error_that_names_file_and_place(tmp_path, text, message):
    with pytest.raises(ValueError, match=r'a\.json' + message) as error:
        read_json_object(_write(tmp_path / 'a.json', text))
    assert type(error.value) is ValueError


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'a\.json: no such file'):
        read_json_object(tmp_path / 'a.json')


def test_what_is_written_is_readable_and_strict(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, {'ä "b"': [0.1, None]})
    assert path.read_text(encoding='utf-8') == '{\n "ä \\"b\\"": [\n  0.1,\n  null\n ]\n}\n'
    with pytest.raises(FileExistsError, match='a.json'):
        write_json(path, {})
    with pytest.raises(ValueError, match='JSON'):
        write_json(path, {'a': float('nan')}, overwrite=True)
    assert read_json_object(path) == {'ä "b"': [0.1, None]}
