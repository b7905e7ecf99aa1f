from __future__ import annotations

from mmlt.evaluation.report.html import run_name


def test_a_short_name_stays_whole():
    assert run_name('two_stage') == '<span class="run">two_stage</span>'


def test_a_long_name_may_break_at_underscores_and_slashes():
    assert run_name('slowonly/r50_&_more') == (
        '<span class="run">slowonly/<wbr>r50_<wbr>&amp;_<wbr>more</span>'
    )


def test_a_shortened_name_is_told_whole():
    assert run_name('<a> long name', 'a…') == (
        '<span class="run" title="&lt;a&gt; long name">a…</span>'
    )
