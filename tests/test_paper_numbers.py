"""Every number of a paper that a page or a config prints is that of a metafile's Results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmlt.experiments.paper_results import read_paper_results

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
AVA, VIDEOLT = 'AVA v2.1', 'VideoLT, ResNet-101, nonlinear'
BASELINE = 'nonlocal_i3d_r50_ava21'


def _text(path):
    return (ROOT / path).read_text(encoding='utf-8')


def _rows(path, first_head, *, text=None):
    """The rows of the table whose first column has that title: lists of cells."""
    lines = (_text(path) if text is None else text).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f'| {first_head} |'))
    for line in lines[start + 2 :]:
        if not line.startswith('|'):
            return
        yield [cell.strip() for cell in line.strip('|').split('|')]


def _numbers(text):
    return [float(number) for number in re.findall(r'\d+\.\d+', text)]


def _model(cell):
    return re.search(r'`(\w+)\.py`', cell)[1]


def _wild(model, *keys, data_set=AVA):
    return [read_paper_results('in_the_wild')[model, data_set][key] for key in keys]


# ------------------------------------------------------------------------------- in the wild

WILD = 'configs/in_the_wild/README.md'


def test_two_stage_configs():
    """All, tail, head; a cell without a number is of a model without Results."""
    rows = [(_model(config), cell) for config, _, cell in _rows(WILD, 'config')]
    published = read_paper_results('in_the_wild')
    for model, cell in rows:
        expected = []
        if (model, AVA) in published:
            expected = _wild(model, 'mSAP', 'mSAP tail', 'mSAP head')
        assert _numbers(cell) == expected, model
    assert sum(bool(_numbers(cell)) for _, cell in rows) == 7


@pytest.mark.parametrize(
    ('label', 'suffix'),
    {
        'baseline': '',
        'balanced from scratch': '_balanced',
        'focal loss, gamma 2': '_focal',
        'two-stage, split by AP': '_stage_two',
        'stage 1 on all classes': '_stage_two_of_baseline',
        'stage 2 trains the whole model': '_stage_two_whole_model',
        'stage 2 not balanced': '_stage_two_original',
    }.items(),
)
def test_the_papers_column_of_the_toy_table(label, suffix):
    rows = {row[0]: row for row in _rows(WILD, 'method')}
    expected = _wild(BASELINE + suffix, 'mSAP', 'mSAP head', 'mSAP tail')
    assert _numbers(rows[label][-1]) == expected


@pytest.mark.parametrize('key', ['mSAP', 'frame-mAP', 'mAUC'])
def test_the_papers_other_numbers(key):
    rows = {row[0].partition(' (')[0]: row for row in _rows(WILD, 'measure')}
    models = BASELINE, f'{BASELINE}_stage_two'
    assert [float(cell) for cell in rows[key][1:]] == [_wild(model, key)[0] for model in models]


def test_models_of_mmaction2():
    text = _text(WILD).partition("## mmaction2's models")[2]
    published = read_paper_results('in_the_wild')
    rows = list(_rows(WILD, 'config', text=text))
    for config, release, _, _, expected, _ in rows:
        numbers = published.get((_model(config), f'AVA {release}'), {})
        assert _numbers(expected) == list(numbers.values()), config
    assert len(rows) == 4


def test_auc_and_sap_that_the_docs_set_side_by_side():
    rows = {row[0]: row for row in _rows('docs/ava_numbers.md', 'row')}
    two_stage = f'{BASELINE}_stage_two'
    for title, model, (auc, sap), part in [
        ('"hit (an object)", baseline', BASELINE, ('AUC', 'SAP'), ', hit (an object)'),
        ('"turn (screwdriver)", baseline', BASELINE, ('AUC', 'SAP'), ', turn (screwdriver)'),
        ('"turn (screwdriver)", two-stage', two_stage, ('AUC', 'SAP'), ', turn (screwdriver)'),
        ('mean of all classes, baseline', BASELINE, ('mAUC', 'mSAP'), ''),
        ('mean of all classes, two-stage', two_stage, ('mAUC', 'mSAP'), ''),
    ]:
        _, printed_auc, _, printed_sap = rows.pop(title)
        printed = [float(printed_auc), float(printed_sap)]
        assert printed == _wild(model, auc, sap, data_set=AVA + part), title
    assert not rows


@pytest.mark.parametrize(
    ('path', 'sentence', 'values'),
    [
        (WILD, 'baseline, has AUC {} and SAP {},', [('', 'AUC', 'hit'), ('', 'SAP', 'hit')]),
        (
            WILD,
            'its means ({} and {}; {} and {}) lie',
            [
                ('', 'mAUC', ''),
                ('', 'mSAP', ''),
                ('_stage_two', 'mAUC', ''),
                ('_stage_two', 'mSAP', ''),
            ],
        ),
        (WILD, 'has frame-mAP {} for balancing', [('_balanced', 'frame-mAP', '')]),
        ('docs/ava_numbers.md', 'scales**: {} is no target', [('', 'mSAP', '')]),
    ],
)
def test_sentences_that_quote_the_paper(path, sentence, values):
    parts = {'': '', 'hit': ', hit (an object)'}
    numbers = [_wild(BASELINE + s, key, data_set=AVA + parts[of])[0] for s, key, of in values]
    assert sentence.format(*numbers) in ' '.join(_text(path).split())


@pytest.mark.parametrize(
    ('of', 'minus', 'key', 'sentence'),
    [
        ('_stage_two', '_stage_two_of_baseline', 'mSAP head', 'the paper {:+.1f} and'),
        ('_stage_two', '_stage_two_of_baseline', 'mSAP tail', 'and {:+.1f}); the whole model'),
        ('_stage_two', '_stage_two_whole_model', 'mSAP tail', 'the paper has it {:.1f} worse'),
        ('', '_balanced', 'mSAP head', 'the paper loses {:.1f})'),
    ],
)
def test_differences_of_the_paper_in_the_wild(of, minus, key, sentence):
    (value,), (other,) = _wild(BASELINE + of, key), _wild(BASELINE + minus, key)
    assert sentence.format(value - other) in ' '.join(_text(WILD).split())


# ------------------------------------------------------------------------------ shuffle bias

BIAS = 'configs/shuffle_bias/README.md'


def _bias():
    return {model: [*of.values()] for (model, _), of in read_paper_results('shuffle_bias').items()}


def test_shuffle_bias_of_the_configs():
    rows = {_model(row[0]): row for row in _rows(BIAS, 'config')}
    assert {model: [float(cell) for cell in row[3:6]] for model, row in rows.items()} == _bias()


def test_shuffle_bias_beside_the_toy_sets():
    rows = [row for row in _rows(BIAS, 'trained and tested on') if row[0].endswith('(paper)')]
    printed = [[float(cell) for cell in row[1:4]] for row in rows]
    assert printed == list(_bias().values())  # in one order


# ---------------------------------------------------------------------------------- VideoLT

LT = 'configs/videolt/README.md'
# of the paper's names and of the toy table's
METHODS = {
    'baseline': '',
    'baseline, BCE': '',
    'LDAM + DRW': '_ldam_drw',
    'EQL': '_eql_reference',
    'EQL, drops .00176': '_eql_reference',
    'CBS': '_cbs',
    'CB Loss': '_cb_loss',
    'CB loss': '_cb_loss',
    'mixup': '_mixup',
    'FrameStack-BCE': '_framestack_bce',
    'FrameStack-FL': '_framestack_fl',
    'FrameStack, beta .5': '_framestack_constant',
    'FrameStack-FL, beta .5': '_framestack_constant',
    'FrameStack, by frequency': '_framestack_frequency',
    'FrameStack-FL, by frequency': '_framestack_frequency',
}


def _videolt(suffix, data_set=VIDEOLT):
    head = 'netvlad' if data_set.endswith('NetVLAD') and not suffix else 'nonlinear'
    return read_paper_results('videolt').get((f'{head}_videolt{suffix}', data_set), {})


def test_the_papers_tables_of_videolt():
    features, count = '', 0
    for cells in _rows(LT, 'features, head'):
        features = cells[0] or features
        expected = [
            f'{number:.1f}'
            for number in _videolt(METHODS[cells[1]], f'VideoLT, {features}').values()
        ]
        assert [cell for cell in cells[2:] if cell] == expected, cells
        count += 1
    etas = sum('eta' in data_set for _, data_set in read_paper_results('videolt'))
    assert count == len(read_paper_results('videolt')) - etas


def test_the_papers_share_of_mixed_samples():
    netvlad = 'VideoLT, ResNet-101, NetVLAD'
    for eta, *cells in _rows(LT, 'eta'):
        at = {'0': ('', netvlad), '0.5': ('_framestack_fl', netvlad)}
        suffix, data_set = at.get(eta, ('_framestack_fl', f'{netvlad}, eta {eta}'))
        assert [float(cell) for cell in cells] == list(_videolt(suffix, data_set).values()), eta


def test_methods_of_videolt():
    for config, _, cell in _rows(LT, 'config'):
        suffix = _model(config).partition('_videolt')[2]
        data_set = VIDEOLT if 'nonlinear' in config else 'VideoLT, ResNet-101, NetVLAD'
        numbers = _videolt(suffix, data_set)
        expected = [numbers['mAP'], numbers['mAP tail']] if numbers else []
        assert _numbers(cell) == expected, config


def test_brackets_of_the_toy_table_of_videolt():
    for label, *cells in _rows(LT, 'method'):
        brackets = [float(x) for cell in cells for x in re.findall(r'\(([\d.]+)\)', cell)]
        numbers = _videolt(METHODS[label]) if label in METHODS else {}
        assert brackets == list(numbers.values()), label


@pytest.mark.parametrize(
    ('of', 'minus', 'key', 'sentence'),
    [
        ('', '_framestack_bce', 'mAP head', '(the paper: {:.1f}; it has no row'),
        ('', '_framestack_constant', 'mAP', 'where the paper loses {:.1f}; it is'),
        ('_framestack_fl', '_framestack_frequency', 'mAP', 'the paper {:+.1f}). CBS'),
        ('_cbs', '', 'mAP tail', '(the paper {:+.1f}); LDAM'),
        ('_ldam_drw', '', 'mAP', '(the paper {:+.1f}) and gains'),
        ('', '_cb_loss', 'mAP', 'CB loss costs 4.8 ± 0.5 (the paper {:.1f})'),
        ('_framestack_fl', '_framestack_constant', 'mAP', '(the paper {:+.1f}); FrameStack-BCE'),
        ('_framestack_bce', '', 'mAP', '(the paper {:+.1f}); mixup'),
        ('', '_mixup', 'mAP', '(the paper {:.1f}); EQL'),
        ('_eql_reference', '', 'mAP', 'the paper {:+.1f}).'),
    ],
)
def test_differences_of_the_paper_of_videolt(of, minus, key, sentence):
    difference = _videolt(of)[key] - _videolt(minus)[key]
    assert sentence.format(difference) in ' '.join(_text(LT).split())


# ------------------------------------------------------------------------------- co-finetuning

CO = 'configs/cofinetune/README.md'


def _co(model, data_set='AVA v2.2'):
    return list(read_paper_results('cofinetune')[model, data_set].values())


def test_the_papers_rows_of_co_finetuning():
    """Each number of the metafile once; a row's data sets are its columns, "with" their variant."""
    columns = 'AVA v2.2', 'Kinetics-400', 'Moments in Time'
    printed = {}
    for _, config, variant, *cells in _rows(CO, 'table'):
        for data_set, cell in zip(columns, cells):
            if 'AVA-Kinetics' in cell:
                data_set = 'AVA-Kinetics'
            if _numbers(cell):
                name = f'{data_set}, {variant}' if variant else data_set
                printed[_model(config), name] = _numbers(cell)
    published = {key: list(of.values()) for key, of in read_paper_results('cofinetune').items()}
    large = 'vivit_l_k700_mit_sthv2_ava_kinetics_512'
    published[large, 'AVA-Kinetics, annotated boxes'] += published.pop(
        (large, 'KineticsBox, annotated boxes')
    )
    (text,) = published.pop(('vivit_l_k700_mit_sthv2_ava22_512', 'AVA v2.2, in the text'))
    stock = published.pop(
        ('slowfast_r50_k400_ava22_224', "AVA v2.2, alone, with mmaction2's config")
    )
    assert printed == published
    assert f'**{text}** for the best model' in _text(CO)
    assert stock == _wild('slowfast_r50_8x8x1_ava22', 'frame-mAP', data_set='AVA v2.2')


def test_the_lost_row_follows_from_the_text():
    """Sections 4.2.3 and 4.2.4: medium +4.4 (14.8%), tail +46.4%, all +3.6 on the baseline."""
    overall, head, medium, tail = _co('vivit_b_ava22_224')
    row = _co('vivit_b_k400_mit_sthv2_ava22_224')
    assert row == [round(overall + 3.6, 1), round(medium + 4.4, 1), round(tail * 1.464, 1)]
    assert round(100 * (row[1] / medium - 1), 1) == 14.8
    assert round(100 * (row[2] / tail - 1), 1) == 46.4
    # the table's other rows: the mean of 8, 23 and 29 classes is the overall one
    for model in 'vivit_b_ava22_224', 'vivit_b_k400_ava22_224', 'vivit_b_k400_mit_ava22_224':
        overall, head, medium, tail = _co(model)
        assert abs((8 * head + 23 * medium + 29 * tail) / 60 - overall) < 0.1
    implied = (60 * row[0] - 23 * row[1] - 29 * row[2]) / 8
    assert f'it is {implied + 1e-9:.1f}, within .7 for' in _text(CO)


@pytest.mark.parametrize(
    ('of', 'minus', 'sentence'),
    [
        ('vivit_b_k400_ava22_224', 'vivit_b_ava22_224', 'gains {:.1f} points\nof frame-mAP'),
        ('vivit_b_k400_ava22_224', 'vivit_b_ava22_224', 'Its {:.1f} and 7.7% for Kinetics'),
    ],
)
def test_differences_of_the_paper_of_co_finetuning(of, minus, sentence):
    assert sentence.format(_co(of)[0] - _co(minus)[0]) in _text(CO)


def test_gains_that_the_text_of_co_finetuning_gives_otherwise():
    moments = ', from Moments in Time'
    (alone,), (first,) = (
        _co('vivit_b_mit_ava22_224'),
        _co('vivit_b_ava22_224', f'AVA v2.2{moments}'),
    )
    assert f'Table 1(b) gives it {alone - first:.1f}.' in _text(CO)
    baseline = _co('vivit_b_ava22_224')
    assert f'the {first - baseline[0]:.1f} by which Moments in Time is the better' in _text(CO)
    rise = 100 * (_co('vivit_b_k400_ava22_224')[0] / baseline[0] - 1)
    assert f'and {rise:.1f}% for Kinetics' in _text(CO)
    tails = [_co(name)[-1] for name in ('vivit_b_ava22_224', 'vivit_b_k400_ava22_224')]
    last = _co('vivit_b_k400_mit_sthv2_ava22_224')[-1]
    assert '({} to {}, {} with two sets more)'.format(*tails, last) in _text(CO)


# ------------------------------------------------------------------------------ three branches

THREE = 'configs/three_branch/README.md'


def test_numbers_of_the_report_on_three_branches():
    """One of AVA, one of Kinetics, each in its table and in the text."""
    parts = [part for part in _text(THREE).split('\n## ') if '| config |' in part]
    rows = [row for part in parts for row in _rows(THREE, 'config', text=part)]
    printed = {_model(row[0]): _numbers(row[-1]) for row in rows if _numbers(row[-1])}
    results = read_paper_results('three_branch')
    published = {name: list(of.values()) for (name, _), of in results.items()}
    assert printed == published
    (mean_ap,), (error,) = published.values()
    assert f'has {mean_ap} mAP on' in _text(THREE) and f'{mean_ap} is with' in _text(THREE)
    assert f'(.{100 * error:.0f})' in _text(THREE)


# ---------------------------------------------------------------------------- configs, tools


def _expected(path):
    """The paragraph of a config's docstring that says what to expect."""
    docstring = path.read_text(encoding='utf-8').split('"""')[1]
    found = re.search(r'^Expected:? (.*?)(?=^\w+: |\Z)', docstring, re.MULTILINE | re.DOTALL)[1]
    return re.sub(r'\bv2\.\d|\d+\.\d+ million|section \d\.\d', '', found)


#: Of configs without Results: the model whose numbers their docstring quotes, and says so.
QUOTED = {
    f'{BASELINE}_stage_one': f'{BASELINE}_stage_two',
    f'{BASELINE}_stage_two_online': f'{BASELINE}_stage_two',
    'nonlocal_i3d_r50_ava22': BASELINE,
    'nonlocal_i3d_r50_ava22_stage_one': f'{BASELINE}_stage_two',
    'nonlocal_i3d_r50_ava22_stage_two': f'{BASELINE}_stage_two',
    'slowonly_r50_4x16x1_ava22': 'slowonly_r50_4x16x1_ava21',
}


#: Papers, and how many of their configs quote a number, at least.
PAPERS = dict(cofinetune=6, in_the_wild=6, shuffle_bias=6, three_branch=2, videolt=6)


@pytest.mark.parametrize('paper', PAPERS)
def test_what_configs_expect_is_printed_in_their_paper(paper):
    """Numbers of its own model alone, or of the one that it quotes."""
    results = read_paper_results(paper)
    quoting = 0
    for path in sorted((CONFIGS / paper).glob('*.py')):
        model = QUOTED.get(path.stem, path.stem)
        allowed = {x for (name, _), of in results.items() if name == model for x in of.values()}
        printed = re.findall(r'(?<![\w.])\d*\.\d+', _expected(path))
        percent = {float(x) * (100 if x.startswith('.') else 1) for x in printed}
        missing = [x for x in percent if not any(abs(x - y) < 0.01 for y in allowed)]
        assert not missing, path
        quoting += bool(printed)
    assert quoting >= PAPERS[paper]
