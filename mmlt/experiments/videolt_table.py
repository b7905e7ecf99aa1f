"""Results of VideoLT's methods beside the numbers of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.paper_results import read_paper_results
from mmlt.experiments.seed_table import mean_and_error, with_error
from mmlt.experiments.videolt_bench import HEADS, METHODS

MEASURES = ('mAP', 'head', 'medium', 'tail', 'Acc@1', 'Acc@5')
#: Their names in the paper's results.
_OF_PAPER = {name: f'mAP {name}' for name in MEASURES[1:4]}
#: Our names of the paper's features -> its own.
FEATURES = {'resnet50': 'ResNet-50', 'resnet101': 'ResNet-101', 'tsm': 'TSM (ResNet-50)'}


def paper_rows(data_set: str) -> dict[str, dict[str, float]]:
    """Method -> its :data:`MEASURES` in the paper as fractions, as far as it prints them.

    Args:
        data_set: A data set of VideoLT's metafile.
    """
    return {
        model.partition('_videolt')[2].lstrip('_') or 'baseline': {
            name: numbers[key] / 100
            for name in MEASURES
            if (key := _OF_PAPER.get(name, name)) in numbers
        }
        for (model, where), numbers in read_paper_results('videolt').items()
        if where == data_set
    }


#: (features, head) -> method -> the measures, as far as the paper prints them.
#: Zhang et al., "VideoLT", ICCV 2021: Tables 1 and 2, accuracies and FrameStack-BCE of Table 4,
#: FrameStack's two variants of Table 3. Its CBS, EQL and LDAM rows are those of the authors' code.
PAPER = {
    (features, head): paper_rows(f'VideoLT, {title}, {title_of_head}')
    for features, title in FEATURES.items()
    for head, title_of_head in (('nonlinear', 'nonlinear'), ('netvlad', 'NetVLAD'))
}


def paper_features(name: str) -> str | None:
    """Which of the paper's features a folder holds, by its name: None where it is none of them."""
    plain = name.lower().replace('-', '').replace('_', '')
    if 'tsm' in plain:
        return 'tsm'
    for depth in ('101', '50'):
        if f'resnet{depth}' in plain or plain in (f'r{depth}', f'rn{depth}'):
            return f'resnet{depth}'
    return None


def read_measures(folder: str | Path) -> dict[str, float | None]:
    """The measures of a run folder, fractions; None where it has no such group or value.

    Raises:
        FileNotFoundError: The folder has no ``metrics.json``.
        ValueError: That is not the file of a classifier.
    """
    path = Path(folder) / METRICS_FILE
    metrics = read_metrics(path)
    if metrics.get('task') != 'classification':
        raise ValueError(f'{path}: task is {metrics.get("task")!r}, not that of a classifier')
    groups = metrics['groups']
    of_groups = {name: groups.get(name, {}).get('mAP') for name in MEASURES[1:4]}
    return {
        'mAP': metrics['mAP'],
        **of_groups,
        'Acc@1': metrics['acc@1'],
        'Acc@5': metrics['acc@5'],
    }


def find_runs(work_dir: str | Path) -> dict[tuple[str, str, str], Path]:
    """Finished runs of a bench: (features, head, method) -> folder of its test."""
    found = {}
    for path in sorted(Path(work_dir).glob('*/*/test/metrics.json')):
        head, _, method = path.parents[1].name.partition('_')
        if head in HEADS and method in METHODS:
            found[path.parents[2].name, head, method] = path.parent
    return found


def bench_table(work_dir: str | Path) -> str:
    """All finished runs of a bench in percent, as Markdown; in brackets the paper's numbers.

    Raises:
        FileNotFoundError: No run is finished.
    """
    runs = find_runs(work_dir)
    if not runs:
        raise FileNotFoundError(f'{work_dir}: no */HEAD_METHOD/test/metrics.json: nothing finished')
    parts = []
    for features, head in dict.fromkeys(key[:2] for key in runs):
        paper = PAPER.get((paper_features(features), head), {})
        rows = [
            (METHODS[method], [list(read_measures(runs[features, head, method]).values())], method)
            for method in METHODS
            if (features, head, method) in runs
        ]
        parts.append(f'{features}, {head} (in brackets: the paper)\n\n{table(rows, paper)}')
    return '\n\n'.join(parts)


def read_seeds(folders: Mapping[str, Sequence[Path]]) -> dict[str, dict[str, list]]:
    """Method -> measure -> its values, one a seed, of the run folders of each method."""
    measured = {method: [read_measures(each) for each in of] for method, of in folders.items()}
    return {
        method: {name: [run[name] for run in runs] for name in MEASURES}
        for method, runs in measured.items()
    }


def seed_table(results: Mapping[str, Mapping[str, Sequence]]) -> str:
    """Methods over seeds, in brackets the paper's (ResNet-101, nonlinear), and the tail's gain."""
    rows = [
        (label, list(zip(*(results[method][name] for name in MEASURES))), method)
        for method, label in METHODS.items()
        if method in results
    ]
    paper = PAPER['resnet101', 'nonlinear']
    if 'baseline' not in results:
        return table(rows, paper)
    gains = []
    for _, _, method in rows:
        pairs = list(zip(results[method]['tail'], results['baseline']['tail']))
        if method == 'baseline' or any(None in pair for pair in pairs):  # there is no tail
            gains.append('')
        else:
            gain = mean_and_error([ours - base for ours, base in pairs])
            gains.append(with_error(*gain, '+.1f'))
    return table(rows, paper, {'tail gain': gains})


def table(
    rows: Sequence[tuple[str, list, str]],
    paper: Mapping[str, Mapping[str, float]],
    more: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """A Markdown table in percent: mean and, of several seeds, standard error.

    Args:
        rows: Label, one list of the measures for each seed, and key of the paper's row.
        paper: Key -> measure -> the paper's number.
        more: Further columns: heading -> a cell for each row.
    """
    lines = []
    for row, (label, seeds, key) in enumerate(rows):
        printed = paper.get(key, {})
        cells = [_cell(values, printed.get(name)) for name, values in zip(MEASURES, zip(*seeds))]
        lines.append((label, *cells, *(column[row] for column in more.values())))
    return markdown_table(('method', *MEASURES, *more), lines)


def _cell(values: Sequence[float | None], paper: float | None) -> str:
    if None in values:
        cell = '-'
    else:
        cell = with_error(*mean_and_error(values))
    return cell if paper is None else f'{cell} ({100 * paper:.1f})'
