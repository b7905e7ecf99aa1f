"""Results of VideoLT's methods beside the numbers of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.seed_table import mean_and_error, with_error
from mmlt.experiments.videolt_bench import HEADS, METHODS

MEASURES = ('mAP', 'head', 'medium', 'tail', 'Acc@1', 'Acc@5')
#: (features, head) -> method -> the measures, as far as the paper prints them.
#: Zhang et al., "VideoLT", ICCV 2021: Tables 1 and 2, accuracies and FrameStack-BCE of Table 4,
#: FrameStack's two variants of Table 3. Its CBS, EQL and LDAM rows are those of the authors' code.
PAPER = {
    ('resnet50', 'nonlinear'): {
        'baseline': (0.499, 0.675, 0.553, 0.376, 0.650, 0.828),
        'ldam_drw': (0.502, 0.680, 0.557, 0.378, 0.656, 0.811),
        'eql_reference': (0.502, 0.679, 0.557, 0.378, 0.653, 0.829),
        'cbs': (0.491, 0.649, 0.545, 0.371, 0.640, 0.820),
        'cb_loss': (0.495, 0.653, 0.546, 0.381, 0.643, 0.823),
        'mixup': (0.484, 0.649, 0.535, 0.368, 0.633, 0.818),
        'framestack_fl': (0.516, 0.683, 0.569, 0.397, 0.658, 0.834),
    },
    ('resnet101', 'nonlinear'): {
        'baseline': (0.516, 0.687, 0.568, 0.396, 0.663, 0.837),
        'ldam_drw': (0.518, 0.687, 0.572, 0.397, 0.664, 0.820),
        'eql_reference': (0.518, 0.690, 0.571, 0.398, 0.664, 0.838),
        'cbs': (0.507, 0.660, 0.559, 0.390, 0.652, 0.828),
        'cb_loss': (0.511, 0.665, 0.561, 0.398, 0.656, 0.832),
        'mixup': (0.495, 0.660, 0.546, 0.381, 0.641, 0.824),
        'framestack_bce': (0.521, 0.684, 0.571, 0.406, 0.660, 0.839),
        'framestack_fl': (0.532, 0.695, 0.584, 0.417, 0.667, 0.843),
        'framestack_constant': (0.414, 0.589, 0.460, 0.308),
        'framestack_frequency': (0.520, 0.680, 0.571, 0.405),
    },
    ('tsm', 'nonlinear'): {
        'baseline': (0.565, 0.757, 0.620, 0.436, 0.680, 0.851),
        'ldam_drw': (0.565, 0.750, 0.620, 0.439),
        'eql_reference': (0.567, 0.757, 0.623, 0.439),
        'cbs': (0.558, 0.733, 0.612, 0.435),
        'cb_loss': (0.563, 0.744, 0.616, 0.440),
        'mixup': (0.548, 0.736, 0.602, 0.425),
        'framestack_bce': (0.568, 0.751, 0.622, 0.445, 0.679, 0.855),
        'framestack_fl': (0.580, 0.759, 0.632, 0.459, 0.686, 0.859),
    },
    ('resnet101', 'netvlad'): {
        'baseline': (0.668, 0.775, 0.707, 0.584, 0.700, 0.864),
        'framestack_bce': (0.671, 0.781, 0.707, 0.589, 0.709, 0.858),
        'framestack_fl': (0.670, 0.780, 0.707, 0.590, 0.710, 0.858),
        'framestack_constant': (0.648, 0.758, 0.684, 0.567),
        'framestack_frequency': (0.663, 0.767, 0.699, 0.584),
    },
    ('tsm', 'netvlad'): {
        'baseline': (0.660, 0.803, 0.708, 0.554, 0.695, 0.870),
        'ldam_drw': (0.627, 0.779, 0.675, 0.519),
        'eql_reference': (0.665, 0.808, 0.713, 0.557),
        'cbs': (0.662, 0.806, 0.708, 0.558),
        'cb_loss': (0.666, 0.801, 0.712, 0.566),
        'mixup': (0.659, 0.800, 0.706, 0.556),
        'framestack_bce': (0.669, 0.807, 0.715, 0.568, 0.711, 0.872),
        'framestack_fl': (0.667, 0.806, 0.713, 0.566, 0.708, 0.866),
    },
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
    paper: Mapping[str, Sequence[float]],
    more: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """A Markdown table in percent: mean and, of several seeds, standard error.

    Args:
        rows: Label, one list of the measures for each seed, and key of the paper's row.
        paper: Key -> the paper's measures.
        more: Further columns: heading -> a cell for each row.
    """
    lines = []
    for row, (label, seeds, key) in enumerate(rows):
        cells = [_cell(column, paper.get(key, ()), i) for i, column in enumerate(zip(*seeds))]
        lines.append((label, *cells, *(column[row] for column in more.values())))
    return markdown_table(('method', *MEASURES, *more), lines)


def _cell(values: Sequence[float | None], paper: Sequence[float], place: int) -> str:
    if None in values:
        cell = '-'
    else:
        cell = with_error(*mean_and_error(values))
    return cell + (f' ({100 * paper[place]:.1f})' if place < len(paper) else '')
