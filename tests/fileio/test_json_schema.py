from __future__ import annotations

import pytest

from mmlt.fileio.json_schema import check_value, read_strict_json


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


def test_names_the_file(tmp_path):
    file = tmp_path / 'a.json'
    file.write_text('{"a": NaN}')
    with pytest.raises(ValueError, match='a.json, line 1: NaN is not JSON'):
        read_strict_json(file)
