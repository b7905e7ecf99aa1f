"""One HTML file about one run, or about several beside each other, that opens offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmlt.evaluation.report.charts import explanation, figure_sections
from mmlt.evaluation.report.examples import PicturedExamples, examples_section
from mmlt.evaluation.report.extremes import extremes_section
from mmlt.evaluation.report.facts import (
    checks_box,
    facts_list,
    notes_of,
    shuffle_facts,
)
from mmlt.evaluation.report.groups import intervals_hint, intervals_section
from mmlt.evaluation.report.shuffle_bias import shuffle_bias_section
from mmlt.evaluation.report.summary import present_groups, summary_section
from mmlt.evaluation.report.tables import class_section
from mmlt.evaluation.report.template import render_page
from mmlt.evaluation.report.three_metrics import three_metrics_section
from mmlt.evaluation.runs.compare import read_runs
from mmlt.evaluation.runs.read import Run, join_classes
from mmlt.fileio.atomic_write import atomic_write

MAX_BYTES = 2_000_000
MAX_BYTES_WITH_PICTURES = 4_000_000
_EXAMPLES = '<!-- examples -->'  # where they will stand


def build_report(
    runs: str | os.PathLike | Sequence[str | os.PathLike],
    out_path: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    examples: PicturedExamples | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of one or several runs.

    Two runs are compared class by class; with more, each is compared with the first. Runs with
    different classes are shown over the union of them, and the report says so. The runs are AVA
    detectors or classifiers, all of a kind. Where run folders hold a ``shuffle_bias.json``, the
    report has a section about it; runs that hold nothing else get a report of that alone.

    Args:
        runs: Run folders (or the file in them), the baseline first.
        out_path: The HTML file to write.
        names: What to call the runs; None takes the names of their folders.
        title: Heading of the report; None makes one from the names.
        examples: Pictures of what one of the runs did, which must be a detector; as many and as
            good as the file has room for.
        overwrite: Whether an existing file may be replaced.

    Returns:
        ``out_path``.

    Raises:
        FileExistsError: ``out_path`` exists and ``overwrite`` is false.
        FileNotFoundError: A run has no ``metrics.json`` and no ``shuffle_bias.json``.
        ValueError: No run, another number of names than runs, a malformed file, runs of
            different kinds, or a report of more than 2 MB, with pictures 4 MB.
        ImportError: matplotlib is not installed.
    """
    paths = [Path(path) for path in ([runs] if isinstance(runs, (str, os.PathLike)) else runs)]
    if not paths:
        raise ValueError('runs: at least one run folder is needed')
    if names is not None and len(names) != len(paths):
        raise ValueError(f'names: got {len(names)} for {len(paths)} runs: {list(names)}')
    out_path = Path(out_path)
    if out_path.exists() and not overwrite:  # said before the work; atomic_write makes sure of it
        raise FileExistsError(f'{out_path}: exists already; pass --overwrite to replace it')
    runs = read_runs(paths, names)
    page = _render(runs, title)
    size = len(page.encode('utf-8'))
    if size > MAX_BYTES:
        raise ValueError(
            f'runs: the report of {len(paths)} runs would take {size / 1e6:.1f} MB, more '
            f'than {MAX_BYTES / 1e6:.0f} MB; give fewer runs'
        )
    pictures = examples_section(runs, examples, MAX_BYTES_WITH_PICTURES - size) if examples else ''
    with atomic_write(out_path, overwrite=overwrite) as temporary:
        temporary.write_bytes(page.replace(_EXAMPLES, pictures).encode('utf-8'))
    return out_path


def _render(runs: Sequence[Run], title: str | None) -> str:
    if runs[0].metrics:
        title = title or _title('Long-tail report', runs)
        facts, notes, main = _long_tail(runs)
    else:
        title = title or _title('Shuffle bias', runs)
        facts, notes, main = shuffle_facts(runs), [], shuffle_bias_section(runs)
    return render_page(title, facts, notes, main)


def _long_tail(runs: Sequence[Run]) -> tuple[str, list[str], str]:
    """Head, notes and sections of runs that were evaluated class by class."""
    rows = join_classes(runs)
    main = [
        summary_section(runs, explanation(runs), intervals_hint(runs)),
        intervals_section(runs),
        extremes_section(runs, rows),
        _EXAMPLES,
        three_metrics_section(runs, rows),
        figure_sections(runs, rows),
        shuffle_bias_section(runs, rows),
        class_section(runs, rows, present_groups(runs)),
    ]
    return facts_list(runs) + checks_box(runs), notes_of(runs), ''.join(main)


def _title(what: str, runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return f'{what}: {runs[0].name}'
    others = runs[1].name if len(runs) == 2 else f'{len(runs) - 1} runs'
    return f'{what}: {others} against {runs[0].name}'
