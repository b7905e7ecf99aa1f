"""The report as a reader has it, in headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmlt.evaluation.examples import HIT, NOBODY, ClassExamples, Example
from mmlt.evaluation.report.examples import Picture, PicturedExamples, choose_classes
from mmlt.evaluation.report.page import build_report
from mmlt.visualization.thumbnails import encode_thumbnail, jpeg_uri


def _browser_missing(reason):
    if os.environ.get('CI') == 'true':
        pytest.fail(f'CI needs a browser: {reason}')
    pytest.skip(f'{reason}: the report was not opened in a browser')


@pytest.fixture
def browser(tmp_path):
    binaries = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
    binary = next(filter(None, map(shutil.which, binaries)), None)
    driver_path = shutil.which('chromedriver')
    if not binary or not driver_path:
        _browser_missing('Chromium and chromedriver are not both installed')
    try:
        from selenium import webdriver
    except ImportError:
        _browser_missing('selenium is not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--window-size=1280,1600',
        f'--user-data-dir={tmp_path / "profile"}',
    ):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()


class _Page:
    """The report as a reader has it."""

    def __init__(self, browser, path: Path):
        self.browser, self.url = browser, path.as_uri()
        browser.get(self.url)

    def find(self, selector):
        return self.browser.find_elements('css selector', selector)

    def titles(self):
        return [head.text.split('\n')[0] for head in self.find('#classes th[data-column]')]

    def head(self, place):
        return self.find('#classes th[data-column]')[place]

    def click(self, place):
        self.browser.execute_script(
            "document.querySelector('#classes').scrollIntoView()"
        )  # a sticky header could lie under another element otherwise
        self.head(place).find_element('css selector', 'button').click()

    def shown(self):
        """Cell texts of the rows that are not filtered away."""
        return self.browser.execute_script(
            "return Array.from(document.querySelectorAll('#classes tbody tr'))"
            '.filter(row => row.getBoundingClientRect().height > 0)'
            '.map(row => Array.from(row.cells).map(cell => cell.innerText.trim()))'
        )

    def set_width(self, width):
        """Make what is inside the window so wide; its frame takes some."""
        inner = 'return window.innerWidth'
        self.browser.set_window_size(width, 1000)
        self.browser.set_window_size(2 * width - self.browser.execute_script(inner), 1000)
        assert self.browser.execute_script(inner) == width

    def overflowing(self):
        """Labels of the boxes that hold more than they show: a reader would have to scroll."""
        return self.browser.execute_script(
            "return Array.from(document.querySelectorAll('.scroll'))"
            '.filter(box => box.scrollWidth > box.clientWidth)'
            ".map(box => box.getAttribute('aria-label'))"
        )

    def requests(self):
        """Addresses the page asked for; the browser's own start page is none of ours."""
        events = [json.loads(entry['message']) for entry in self.browser.get_log('performance')]
        sent = [
            event['message']['params']
            for event in events
            if event['message']['method'] == 'Network.requestWillBeSent'
        ]
        return [call['request']['url'] for call in sent if call['documentURL'] == self.url]


@pytest.mark.browser
def test_in_a_browser_one_run(browser, make_run, make_metrics, tmp_path):
    metrics = make_metrics(seed=1)
    metrics['per_class']['swim'].update(AP=None, SAP=None, SAP_std=None)
    page = _Page(browser, build_report(make_run('mine', metrics=metrics), tmp_path / 'r.html'))
    drawings = page.find('figure svg')
    assert len(drawings) == 3
    for drawing in drawings:
        assert drawing.size['width'] > 600 and drawing.size['height'] > 250
        texts = drawing.find_elements('css selector', 'text')
        assert any(text.text == 'stand' and text.size['width'] > 0 for text in texts)
    strip = page.find('.strips rect')[30]
    assert strip.size['height'] > 250 and strip.size['width'] > 5
    assert page.browser.execute_script(
        'return document.documentElement.scrollWidth <= window.innerWidth'
    )

    by_count = sorted(metrics['per_class'].items(), key=lambda item: -item[1]['num_train'])
    assert [row[0] for row in page.shown()] == [name for name, _ in by_count]

    place = page.titles().index('frame-AP')
    page.click(place)
    by_ap = sorted(
        (-entry['AP'], name) for name, entry in metrics['per_class'].items() if entry['AP']
    )
    names = [row[0] for row in page.shown()]
    assert names == [*(name for _, name in by_ap), 'swim']
    assert page.head(place).get_attribute('aria-sort') == 'descending'
    page.head(place).find_element('css selector', 'button').send_keys('\ue007')  # the enter key
    assert [row[0] for row in page.shown()] == [*names[-2::-1], 'swim']
    assert page.head(place).get_attribute('aria-sort') == 'ascending'
    assert len(page.find('[aria-sort=ascending], [aria-sort=descending]')) == 1

    page.click(0)
    assert [row[0] for row in page.shown()] == sorted(metrics['per_class'])
    page.click(3)  # numbers as numbers: 168,148 before 97
    counts = [int(row[3].replace(',', '')) for row in page.shown()]
    assert counts == sorted(counts, reverse=True)

    page.find('#filter')[0].send_keys('PUSH')
    assert {row[0] for row in page.shown()} == {'push (an object)', 'push (another person)'}
    assert page.find('#shown')[0].text == '2 of 60 classes'
    page.find('#filter')[0].clear()
    page.find('#group option[value=""] ~ option')[0].click()
    assert [row[2] for row in page.shown()] == ['head'] * 8

    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_two_runs(browser, make_metrics, make_run, pair, tmp_path):
    page = _Page(browser, build_report(pair, tmp_path / 'r.html'))
    assert [drawing.size['width'] > 600 for drawing in page.find('figure svg')] == [True] * 5
    assert len(page.find('.beside .worst')) == 2
    first, second = (
        make_metrics(**kwargs)['per_class']
        for kwargs in (dict(seed=1), dict(seed=2, tail_gain=0.12))
    )
    by_gain = sorted(first, key=lambda name: first[name]['SAP'] - second[name]['SAP'])
    strips = page.browser.execute_script(
        'return Array.from(document.querySelectorAll('
        '\'svg[aria-label^="Gain of two_stage over baseline"] .strips rect\'))'
        '.map(rect => [rect.getBoundingClientRect().left, rect.textContent])'
    )
    assert strips == sorted(strips)  # from left to right
    assert [text.split(': SAP')[0] for _, text in strips] == by_gain

    place = page.titles().index('SAP gain')
    page.click(place)
    rows = page.shown()
    assert [row[0] for row in rows] == by_gain
    for row in rows:
        name = row[0]
        assert row[5].split()[0] == f'{100 * first[name]["SAP"]:.1f}'
        assert row[8].split()[0] == f'{100 * second[name]["SAP"]:.1f}'
    assert browser.get_log('browser') == []


@pytest.mark.browser
def test_in_a_browser_two_classifiers(browser, classifiers, make_classifier_metrics, tmp_path):
    page = _Page(browser, build_report(classifiers, tmp_path / 'r.html'))
    assert [drawing.size['width'] > 600 for drawing in page.find('figure svg')] == [True] * 4
    first, second = (make_classifier_metrics(seed)['per_class'] for seed in range(2))
    assert [row[0] for row in page.shown()] == list(first)  # by training count
    page.click(page.titles().index('AP gain'))
    # as precise as the page is; ties stay in the order of the training counts
    by_gain = sorted(first, key=lambda name: round(first[name]['AP'] - second[name]['AP'], 5))
    assert [row[0] for row in page.shown()] == by_gain
    page.find('#group option[value=""] ~ option')[0].click()
    assert [row[2] for row in page.shown()] == ['head']
    assert page.browser.execute_script(
        "const table = document.querySelector('.summary');"
        'return table.scrollWidth <= table.parentElement.clientWidth'
    )
    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_three_metrics_and_shuffle_bias(
    make_shuffle_row, write_shuffle_bias, browser, make_metrics, make_run, tmp_path
):
    long_names = [f'slowonly_r50_8x8_{"some_more_settings_" * 3}seed_{i}' for i in range(2)]
    runs = [make_run(name, seed=i, tail_gain=0.1 * i) for i, name in enumerate(long_names)]
    rows = {'ava/frame_mAP': make_shuffle_row(0.5, 0.25, 0.693),
            'ava/AP/sit': make_shuffle_row(0.6, 0.6, 0.0),
            'ava/AP/swim': make_shuffle_row(0.4, 0.1, 1.386)}  # fmt: skip
    for run in runs:
        write_shuffle_bias(run, rows)
    page = _Page(browser, build_report(runs, tmp_path / 'r.html'))

    table = page.browser.execute_script(
        "return Array.from(document.querySelectorAll('.three tbody tr'))"
        '.map(row => Array.from(row.cells).map(cell => cell.innerText.trim()))'
    )
    first, second = (make_metrics(seed=i, tail_gain=0.1 * i)['per_class'] for i in range(2))
    counts = sorted((entry['num_train'] for entry in first.values()), reverse=True)
    shown = [int(row[-7].replace(',', '')) for row in table[:-1]]
    assert shown == counts[:5] + counts[-5:]
    assert table[0][0] == 'head' and table[5][0] == 'tail'
    swim = next(row for row in table if 'swim' in row)
    values = [
        f'{100 * m["swim"][key]:.1f}' for key in ('SAP', 'AP', 'AUC') for m in (first, second)
    ]
    assert swim[-6:] == values
    assert table[-1][0] == 'average, all classes'

    strips = page.browser.execute_script(
        'return Array.from(document.querySelectorAll('
        '\'svg[aria-label^="frame-AP of each class in order"] .strips rect\'))'
        '.map(rect => rect.textContent)'
    )
    assert [text.split(':')[0] for text in strips] == ['swim', 'sit']
    details = page.find('details')[0]
    assert not details.find_element('css selector', 'table').is_displayed()
    details.find_element('css selector', 'summary').click()
    assert details.find_element('css selector', 'table').is_displayed()

    for width in (1200, 700):  # no name, however long, widens the page or a name's column
        page.set_width(width)
        assert page.browser.execute_script(
            'return document.documentElement.scrollWidth <= window.innerWidth'
        )
        widths = [name.size['width'] for name in page.find('.run') if name.is_displayed()]
        assert widths and 40 < min(widths) and max(widths) <= 240
        assert page.overflowing() == []
    assert browser.get_log('browser') == []
    assert page.requests() == [page.url]


@pytest.mark.browser
def test_in_a_browser_shuffle_bias_alone(make_shuffle_row, write_shuffle_bias, browser, tmp_path):
    drift = {'drift': make_shuffle_row(1.0, 0.0, 'inf', id=0, num_videos=4)}
    folder = write_shuffle_bias(
        tmp_path / 'run', {'accuracy': make_shuffle_row(1, 0.5, 0.7)}, drift
    )
    page = _Page(browser, build_report(folder, tmp_path / 'r.html'))
    assert page.find('h1')[0].text == 'Shuffle bias: run'
    assert page.find('figure svg')[0].size['width'] > 600
    assert not page.find('#classes')
    assert browser.get_log('browser') == []


def _pictured(metrics):
    """Of each class four hits, a miss without its picture, and two wide false alarms."""
    box = np.array([0.1, 0.1, 0.5, 0.9])
    uri = jpeg_uri(encode_thumbnail(np.full((160, 160, 3), 99, np.uint8), []))
    wide = jpeg_uri(encode_thumbnail(np.full((160, 284, 3), 9, np.uint8), []))
    example = Example(HIT, 'a_rather_long_name_of_a_video', 902, 0.5, box, box, (12, 74), ())
    hits = [(example._replace(timestamp=t), Picture((uri,), 160, 160)) for t in range(4)]
    lost = [(example, Picture((), 160, 160, 'img_00031.jpg does not exist'))]
    alarms = [(example._replace(verdict=NOBODY), Picture((wide,), 284, 160))] * 2
    of_class = ClassExamples(hits, lost, alarms)
    return PicturedExamples(0, dict.fromkeys(choose_classes(metrics), of_class))


@pytest.mark.browser
def test_in_a_browser_pictures(browser, make_metrics, make_run, tmp_path):
    metrics = make_metrics(seed=1)
    shown = _pictured(metrics)
    run = make_run('mine', metrics=metrics)
    page = _Page(browser, build_report(run, tmp_path / 'r.html', examples=shown))
    folded = page.find('.examples')
    assert [part.get_attribute('open') == 'true' for part in folded] == [True] * 3 + [False] * 17
    images = page.browser.execute_script(
        "return Array.from(document.querySelectorAll('.examples[open] img'))"
        '.map(image => [image.complete, image.naturalWidth, image.width, image.height, image.alt])'
    )
    assert len(images) == 3 * 6  # all there, at their own size, each with words of its own
    assert {tuple(image[:4]) for image in images} == {
        (True, 160, 160, 160),
        (True, 284, 284, 160),
    }
    assert len({image[4] for image in images[:4]}) == 4 and 'hit' in images[0][4]
    assert page.find('.absent')[0].text == 'No picture: img_00031.jpg does not exist'

    summary = folded[3].find_element('css selector', 'summary')
    assert not folded[3].find_element('css selector', 'img').is_displayed()
    summary.send_keys('\ue007')  # the enter key
    assert folded[3].find_element('css selector', 'img').is_displayed()

    for width in (1200, 700, 400):
        page.set_width(width)
        assert page.browser.execute_script(
            'return document.documentElement.scrollWidth <= window.innerWidth'
        )
    page.set_width(700)  # the four of a kind stand in one row
    assert len({image.location['y'] for image in page.find('.thumbs img')[:4]}) == 1
    assert browser.get_log('browser') == []
    assert {address for address in page.requests() if not address.startswith('data:')} == {page.url}


@pytest.mark.browser
def test_in_a_browser_the_page_stays_light_where_the_system_is_dark(
    browser, make_metrics, make_run, tmp_path
):
    """The drawings are dark on white, so the page is; whatever is written in it can be read."""
    metrics = make_metrics(seed=1)
    run = make_run('mine', metrics=metrics)
    feature = {'name': 'prefers-color-scheme', 'value': 'dark'}
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [feature]})
    page = _Page(browser, build_report(run, tmp_path / 'r.html', examples=_pictured(metrics)))
    assert page.browser.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    colors = page.browser.execute_script(
        "const parts = ['body', 'summary', '.thumbs figcaption', '.thumbs .annotated', '.absent'];"
        'return parts.map(part => getComputedStyle(document.querySelector(part)))'
        '.map(style => [style.color, style.backgroundColor])'
    )
    assert colors[0][1] == 'rgb(255, 255, 255)'
    for ink, ground in colors:
        assert ground in ('rgba(0, 0, 0, 0)', 'rgb(255, 255, 255)')
        assert _contrast_on_white(ink) >= 4.5  # WCAG 2.1, 1.4.3


def _contrast_on_white(color):
    channels = [int(part) / 255 for part in color[4:-1].split(',')]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
    return 1.05 / (luminance + 0.05)
