from __future__ import annotations

import pytest

from mmlt.functional import read_excluded_timestamps


def test_excluded_timestamps(tmp_path):
    path = tmp_path / 'excluded.csv'
    path.write_text('a-b_c,0904\n\nx,1751\r\nx,1751\n')
    assert read_excluded_timestamps(path) == {('a-b_c', 904), ('x', 1751)}
    path.write_text('a-b_c,0904\n', encoding='utf-8-sig')
    assert read_excluded_timestamps(path) == {('a-b_c', 904)}
    path.write_text('x,904.0\n  \nx, 12\n')
    assert read_excluded_timestamps(path) == {('x', 904), ('x', 12)}
    path.write_text('')
    assert read_excluded_timestamps(path) == frozenset()


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('x', r"excluded\.csv, line 2: expected video_id,timestamp, got 'x'"),
        ('x,1,2', r"line 2: expected video_id,timestamp, got 'x,1,2'"),
        (',1', r"line 2: expected video_id,timestamp, got ',1'"),
        ('x,12.5', r"line 2: timestamp '12\.5' is not a whole number"),
        ('x,', r"line 2: timestamp '' is not a whole number"),
        ('x,\u0663', r"line 2: timestamp '\u0663' is not a whole number"),
        ('x,' + '9' * 5000, r"line 2: timestamp '9+' is not a whole number"),
        ('x,0x10', r"line 2: timestamp '0x10' is not a whole number"),
        ('x\0,1', 'line 2: .*control character'),
        ('x,noon', r"line 2: timestamp 'noon' is not a whole number"),
    ],
)
def test_excluded_timestamps_errors(tmp_path, line, message):
    path = tmp_path / 'excluded.csv'
    path.write_text(f'x,1\n{line}\n')
    with pytest.raises(ValueError, match=message):
        read_excluded_timestamps(path)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'x,1\n\xff,2\n', r"excluded\.csv, line 2: byte b'\\xff' is not UTF-8 text"),
        (b'x,1\n"y,2\n', r'excluded\.csv, line 2: unexpected end of data'),
        (b'x,1\n"' + b'y,2\n' * 50_000, r'excluded\.csv, line \d+: field larger than field limit'),
    ],
)
def test_a_file_that_is_no_csv_in_utf8(tmp_path, content, message):
    path = tmp_path / 'excluded.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_excluded_timestamps(path)
