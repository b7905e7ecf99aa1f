from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from mmlt.evaluation.report.inline import plain_text
from mmlt.evaluation.report.shapes import add_bars, add_lines, add_marks
from mmlt.evaluation.report.svg import GROUP_COLORS, PLAIN_COLOR, ClassFigure


def _draw(values, names=None, groups=None, paint=None, few=None, **kwargs):
    names = names or [f'c{i}' for i in range(len(values))]
    with ClassFigure(names, groups or [None] * len(values), height=3, few=few) as figure:
        axes = figure.axes[0]
        axes.set_ylim(0, 1)
        if paint:
            paint(axes)
        else:
            figure.group_bars(axes, np.array(values), 'SAP', **kwargs)
        return figure.to_svg('key', 'a label', [f'{name}!' for name in names])


def _shapes(svg, color):
    """Corners of each shape of the path filled with, or drawn in, ``color``: (n, corners, 2)."""
    paths = [
        path.get('d')
        for path in ElementTree.fromstring(svg).iter('path')
        if color in path.get('style', '') and path.get('clip-path')
    ]
    shapes = [re.findall(r'(-?[\d.]+) (-?[\d.]+)', shape) for shape in paths[0].split('M')[1:]]
    return np.array(shapes, dtype=float)


def _strips(svg):
    return [
        (float(rect.get('x')), rect.find('title').text)
        for rect in ElementTree.fromstring(svg).iter('rect')
        if rect.find('title') is not None
    ]


def test_bars_have_the_heights_of_their_values():
    corners = _shapes(_draw([0.25, 0.5, 1.0]), PLAIN_COLOR)
    heights = np.ptp(corners[..., 1], axis=1)
    np.testing.assert_allclose(heights / heights[2], [0.25, 0.5, 1], atol=1e-3)
    widths = np.ptp(corners[..., 0], axis=1)
    pitch = corners[1, 0, 0] - corners[0, 0, 0]
    np.testing.assert_allclose(widths, 0.8 * pitch, rtol=1e-2)


def test_an_undefined_value_has_no_bar():
    assert len(_shapes(_draw([0.25, np.nan, 1.0]), PLAIN_COLOR)) == 2


def test_bars_wear_their_groups_color():
    svg = _draw([0.2, 0.4, 0.6, 0.8], groups=['head', 'tail', 'tail', None])
    assert len(_shapes(svg, GROUP_COLORS['head'])) == 1
    assert len(_shapes(svg, GROUP_COLORS['tail'])) == 2
    assert GROUP_COLORS['medium'] not in svg
    for entry in ('SAP: head', 'SAP: tail', 'SAP: no group'):
        assert f'>{entry}<' in svg


def test_without_groups_there_is_one_plain_color():
    svg = _draw([0.2, 0.4])
    assert '>SAP<' in svg
    assert 'head' not in svg


def test_classes_of_few_boxes_are_hollow():
    groups = ['head', 'head', 'tail', 'tail']
    svg = _draw([0.2, 0.4, 0.6, 0.8], groups=groups, few=[False, True, True, True])
    assert len(_shapes(svg, f'fill: {GROUP_COLORS["head"]}')) == 1
    for group, heights in (('head', [0.4]), ('tail', [0.6, 0.8])):
        hollow = _shapes(svg, f'fill: #ffffff; stroke: {GROUP_COLORS[group]}')
        tops = np.ptp(hollow[..., 1], axis=1)
        np.testing.assert_allclose(tops / tops[0], np.array(heights) / heights[0], atol=1e-2)
    for entry in ('SAP: head', 'SAP: tail', 'hollow: fewer than 10 evaluated boxes'):
        assert svg.count(f'>{entry}<') == 1
    assert 'hollow' not in _draw([0.2, 0.4])


def _widths(svg):
    """How wide a drawing is, and the least that it is shown in, both in pixels."""
    found = re.search(r' width="(\d+)" height="\d+" style="min-width: (\d+)px"', svg)
    return int(found[1]), int(found[2])


def test_a_drawing_takes_the_width_of_the_page_down_to_where_it_can_be_read():
    width, least = _widths(_draw([0.5] * 4))
    assert 1100 < width < 1200  # of a page of 1200
    assert 600 < least < 660  # of a page of 700
    width, least = _widths(_draw([0.5] * 1004))
    assert least == width  # a class would be less than a pixel


def test_long_legends_take_several_rows():
    def paint(axes):
        for index in range(6):
            add_bars(axes, np.array([0.5, 0.5]), '#123456', f'{index} ' + 'x' * 40)

    def columns(svg):
        texts = ElementTree.fromstring(svg).iter('text')
        places = [re.search(r'(-?[\d.]+)', t.get('x') or t.get('transform'))[1] for t in texts
                  if 'x' * 40 in ''.join(t.itertext())]  # fmt: skip
        return len(set(places)), len(places)

    assert columns(_draw([0, 0], paint=paint)) == (2, 6)  # three would take 12.3 inches


def test_lines_go_from_low_to_high():
    def paint(axes):
        axes.set_ylim(0, 1)
        add_lines(axes, np.array([0.25, 0.5]), np.array([0.75, 0.75]), '#123456', 1.0)
        add_bars(axes, np.array([1.0, 1.0]), '#654321', 'all')

    svg = _draw([0, 0], paint=paint)
    whole = np.ptp(_shapes(svg, '#654321')[0, :, 1])
    spans = np.ptp(_shapes(svg, '#123456')[..., 1], axis=1)
    np.testing.assert_allclose(spans / whole, [0.5, 0.25], atol=1e-3)


def test_equal_marks_say_their_style_once():
    svg = _draw([0] * 5, paint=lambda axes: add_marks(axes, np.full(5, 0.5), 'AP', face='#123456'))
    assert len(re.findall(r'<use [^>]*x=', svg)) >= 5
    assert svg.count('fill: #123456') <= 3  # the group, the legend's mark


def test_a_strip_over_each_class_shows_its_text():
    svg = _draw([0.25, 0.5, 1.0])
    bars = _shapes(svg, PLAIN_COLOR)
    strips = _strips(svg)
    assert [text for _, text in strips] == ['c0!', 'c1!', 'c2!']
    width = float(re.search(r'--w:([\d.]+)px', svg)[1])
    centers = bars[..., 0].min(axis=1) / 2 + bars[..., 0].max(axis=1) / 2
    np.testing.assert_allclose([x + width / 2 for x, _ in strips], centers, atol=0.1)


def test_text_stays_text_whatever_it_holds():
    names = [
        'a/b (c, d)',
        '<b>&"\'</b>',
        '$x^2$',
        'naïve 動作 🎬',
        'line\nbreak\x00',
        'half \ud800',
    ]
    svg = _draw([0.5] * len(names), names=names)
    root = ElementTree.fromstring(svg)  # well-formed, so escaped
    texts = [''.join(text.itertext()) for text in root.iter('text')]
    for name in names[:4]:
        assert name in texts
    assert 'line\ufffdbreak\ufffd' in texts
    assert 'half \ufffd' in texts
    svg.encode('utf-8')


def test_a_long_name_is_cut_in_the_figure_but_not_over_it():
    name = 'talk to (e.g., self, a person, a group of people)'
    svg = _draw([0.5], names=[name])
    assert '>talk to (e.g., self, a person…<' in svg
    assert _strips(svg)[0][1] == f'{name}!'


def test_many_classes_are_drawn_without_names_in_a_wide_figure():
    few, many = _draw([0.5] * 80), _draw([0.5] * 1004)
    assert '>c79<' in few
    assert '>c79<' not in many
    assert '1,004 classes' in many
    assert len(_strips(many)) == 1004
    width = int(re.search(r' width="(\d+)"', many)[1])
    assert width > 2 * 1004


def test_the_drawing_names_no_address_and_its_ids_begin_with_the_key():
    svg = _draw([0.5, 0.25])
    assert 'http' not in svg
    assert 'metadata' not in svg
    ids = re.findall(r' id="([^"]*)"', svg)
    assert ids and all(name.startswith('key-') for name in ids)
    references = re.findall(r'(?:url\(#|href="#)([^")]+)', svg)
    assert references and set(references) <= set(ids)


def test_label_for_screen_readers():
    root = ElementTree.fromstring(_draw([0.5]))
    assert root.get('role') == 'img'
    assert root.get('aria-label') == 'a label'


def test_same_input_same_bytes_whatever_the_users_style():
    plain = _draw([0.5, 0.25])
    with matplotlib.rc_context({'font.size': 30, 'axes.facecolor': 'red', 'svg.hashsalt': None}):
        before = dict(matplotlib.rcParams)
        assert _draw([0.5, 0.25]) == plain
        assert dict(matplotlib.rcParams) == before


def test_names_the_extra_where_matplotlib_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(ImportError, match=r"pip install 'mmlt\[report\]'"):
        _draw([0.5])


def test_plain_text_leaves_ordinary_text_alone():
    assert plain_text('bend/bow (at the waist) – 動作') == 'bend/bow (at the waist) – 動作'
    assert plain_text('a\tb') == 'a\ufffdb'
