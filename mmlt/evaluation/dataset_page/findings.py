"""What is wrong with the data set, and its splits, as HTML."""

from __future__ import annotations

import os

import numpy as np

from mmlt.evaluation.report.html import escape, scrolled, section, table, tag
from mmlt.fileio.dataset_checks.finding import Finding, count_severities
from mmlt.fileio.dataset_checks.overlap import recall
from mmlt.fileio.dataset_checks.whole import DatasetCheck

_CLEAN = 'Nothing is wrong with the files, as far as can be seen from them.'
_HINT = (
    'Errors stop a training or make its numbers wrong, warnings cost data or accuracy, doubts may '
    'be meant.'
)


def summary_facts(check: DatasetCheck) -> str:
    """What was checked, as a list of facts."""
    facts = {'found': count_severities(check.findings)}
    for split in check.splits:
        facts[split.name] = split.ann_file
    for what, paths in (
        ('proposals', {s.proposal_file for s in check.splits}),
        ('frames', {s.frame_root for s in check.splits if s.use_frames}),
        ('label map', {s.label_file for s in check.splits}),
        ('videos', {s.video_table for s in check.splits}),
    ):
        named = sorted(path for path in paths if path)
        if named:
            facts[what] = ', '.join(named)
    return tag('dl', ''.join(f'<dt>{escape(k)}</dt><dd>{escape(v)}</dd>' for k, v in facts.items()))


def findings_section(check: DatasetCheck) -> str:
    """A table of all findings, the worst first."""
    if not check.findings:
        return section('Findings', tag('p', _CLEAN, 'hint'))
    heads = ('', 'mistake', 'where', 'what it does', 'mend')
    head = ''.join(tag('th scope="col"', text, 'left') for text in heads)
    listing = table('worst findings', [head], [_row(finding) for finding in check.findings])
    return section('Findings', tag('p', _HINT, 'hint'), scrolled('Findings', listing))


def _row(finding: Finding) -> str:
    name = os.path.basename(finding.file.rstrip('/'))
    places = [
        (f'line {place.line}: ' if place.line else '') + tag('code', escape(place.value))
        for place in finding.places
    ]
    more = finding.count - len(places)
    places += [f'and {more:,} more'] if more > 0 else []
    what = f'<b title="{escape(finding.file)}">{escape(name)}</b>: {escape(finding.what)}'
    cells = [
        tag('td', tag('span', finding.severity, f'chip {finding.severity}'), 'left'),
        tag('th scope="row"', what),
        *(
            tag('td', text, 'left')
            for text in ('<br>'.join(places), escape(finding.effect), escape(finding.mend))
        ),
    ]
    return ''.join(cells)


def split_section(check: DatasetCheck) -> str:
    """Videos, keyframes, boxes and recall of each split."""
    if not check.rows:
        return ''
    heads = (
        'split',
        'videos',
        'keyframes',
        'boxes',
        'rows',
        'boxes a keyframe',
        'classes',
        'recall of proposals',
        'of all scores',
    )
    head = ''.join(tag('th scope="col"', text, 'left' if text == 'split' else '') for text in heads)
    body = []
    for split in check.splits:
        if split.name in check.rows:
            cells = split_facts(check, split.name).values()
            body.append(
                ''.join([tag('th scope="row"', escape(split.name)), *(tag('td', c) for c in cells)])
            )
    hint = (
        'Recall: the share of the annotated boxes that a proposal meets with an IoU of at least '
        '.5; of the proposals that reach person_det_score_thr, and of all.'
    )
    return section(
        'Splits', scrolled('Splits', table('worst', [head], body)), tag('p', hint, 'hint')
    )


def split_facts(check: DatasetCheck, name: str) -> dict[str, str]:
    """Numbers of a split as they are shown; '–', and why, where they are not known."""
    boxes = check.rows[name].boxes
    keys = (boxes.video_index.astype(np.int64) << 32) + boxes.timestamps
    num_keyframes = len(np.unique(keys))
    corners = np.column_stack([keys, boxes.boxes_xyxy_norm])
    num_boxes = len(np.unique(corners, axis=0))
    fit = check.fits.get(name)
    found = (
        [f'– ({_why_no_recall(check, name)})', '–']
        if fit is None
        else [f'{recall(best):.0%}' for best in (fit.best_iou, fit.best_iou_of_all)]
    )
    return {
        'videos': f'{len(np.unique(boxes.video_index)):,}',
        'keyframes': f'{num_keyframes:,}',
        'boxes': f'{num_boxes:,}',
        'rows': f'{len(boxes.labels):,}',
        'boxes a keyframe': f'{num_boxes / num_keyframes:.1f}',
        'classes': f'{len(np.unique(boxes.labels)):,}',
        'recall': found[0],
        'recall of all': found[1],
    }


def _why_no_recall(check: DatasetCheck, name: str) -> str:
    path = next(split.proposal_file for split in check.splits if split.name == name)
    if path is None:
        return 'no proposals'
    if os.fspath(path) not in check.proposals:
        return 'proposals not read'
    return 'proposals in pixels' if check.proposals[path].in_pixels else 'boxes in pixels'
