from __future__ import annotations

import pytest

from mmlt.fileio.json_schema import check_value, read_versioned


@pytest.mark.parametrize('value', [1, -2.5, 'inf', '-inf'])
def test_a_ratio_may_be_infinite(value):
    check_value(value, 'ratio', 'here')


@pytest.mark.parametrize(
    ('value', 'kind', 'message'),
    [
        ('nan', 'ratio or null', "here must be number, 'inf' or '-inf' or null, got 'nan'"),
        ('inf', 'number', "here must be number, got 'inf'"),
        (True, 'number or null', 'here must be number or null, got True'),
    ],
)
def test_wrong_values(value, kind, message):
    with pytest.raises(ValueError) as error:
        check_value(value, kind, 'here')
    assert str(error.value) == message


@pytest.mark.parametrize('version', ['', '"format_version": 1, ', '"format_version": 2, '])
def test_older_formats_are_read(tmp_path, version):
    (tmp_path / 'a.json').write_text(f'{{{version}"a": null}}')
    assert read_versioned(tmp_path / 'a.json', 2) == {'a': None}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            '{"format_version": 3}',
            ": key 'format_version' must be at most 2, the newest that this version of mmlt reads, "
            'got 3: update mmlt, or evaluate again with this version',
        ),
        ('{"format_version": "2"}', ": key 'format_version' must be count, got '2'"),
        ('{"format_version": null}', ": key 'format_version' must be count, got None"),
        (
            '{"a": NaN}',
            ', line 1: NaN is not JSON (an undefined value is written as null)',
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    file = tmp_path / 'a.json'
    file.write_text(content)
    with pytest.raises(ValueError) as error:
        read_versioned(file, 2)
    assert str(error.value) == f'{file}{message}'
