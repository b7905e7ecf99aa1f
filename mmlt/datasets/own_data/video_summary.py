"""What was prepared, as text: a line for each video, and what all have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmlt.datasets.own_data.done_videos import DoneVideo, parts_folder
from mmlt.datasets.own_data.prepare import Preparation
from mmlt.fileio.feature_folder import FAILURES_FILE
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable

_HEAD = ('video', 'seconds', 'rate', 'size', 'turned', 'frames', '')


def summarize(prepared: Preparation, out: Path) -> str:
    """The lines of a run's files, also of those that failed, and the outcome."""
    table = prepared.table
    rows = [_row(each, table.fps, table.filename_tmpl is not None) for each in prepared.done]
    rows += [(each.video_id, *['-'] * 5, f'left out: {each.reason}') for each in prepared.failures]
    rows = [_HEAD, *sorted(rows)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return '\n'.join([*lines, '', *_outcome(prepared, out)])


def outdated(before: VideoTable | None, table: VideoTable, names: Sequence[str]) -> str | None:
    """Say that what was made with another table no longer fits the frames; None if it does.

    Args:
        before: The table that the folder had; None: none.
        table: The one that it has now.
        names: Of what holds seconds or frame numbers and was not made anew.
    """
    if before is None:
        return None
    starts = {video: entry.start_sec for video, entry in table.videos.items()}
    changed = (before.fps, before.timestamp_start) != (table.fps, table.timestamp_start) or any(
        starts.get(video) != entry.start_sec for video, entry in before.videos.items()
    )
    left = ', '.join(str(table.folder / name) for name in names if (table.folder / name).exists())
    if not changed or not left:
        return None
    return (
        f'{table.folder / VIDEO_TABLE}: rate, start or parts of the videos have changed, and these '
        f'were made before: {left}. Their seconds and frames may be others now: make them anew'
    )


def _row(video: DoneVideo, fps: int, with_frames: bool) -> tuple[str, ...]:
    facts = video.facts
    rate = f'{facts.fps:.2f}'.rstrip('0').rstrip('.')
    return (
        video.video_id,
        f'{video.num_frames / fps:.1f}',
        rate if facts.is_constant else f'{rate} on average',
        f'{facts.width}x{facts.height}',
        f'{facts.rotation}' if facts.rotation else '-',
        str(video.num_frames) if with_frames else '-',
        '; '.join(_notes(video)),
    )


def _notes(video: DoneVideo) -> list[str]:
    notes = []
    stem = Path(video.path).stem
    if stem not in video.video_id:
        notes.append(f'named after {Path(video.path).name!r}')
    if video.facts.lost_sec:
        notes.append(f'the file is cut off: {video.facts.lost_sec:.1f} s at its end are missing')
    if video.facts.pixel_aspect != 1:
        aspect = f'{video.facts.pixel_aspect:.3g}'
        notes.append(f'players stretch it {aspect} times in width, which frames are not')
    if video.num_bad_packets:
        notes.append(f'{video.num_bad_packets} packets could not be decoded')
    return notes


def _outcome(prepared: Preparation, out: Path) -> list[str]:
    lines, table = [], prepared.table
    if prepared.rates:
        low, high = (f'{rate:.4g}' for rate in (min(prepared.rates), max(prepared.rates)))
        files = f'{len(prepared.rates)} files' if len(prepared.rates) > 1 else 'the file'
        of = (
            f'the median of {files} ({low} to {high})'
            if low != high
            else f'that of {files} ({low})'
        )
        lines.append(
            f'{table.fps} frames a second: {of}, whole, and halved while it is above 30; '
            'another by --fps'
        )
    if table is not None:
        seconds = sum(each.num_frames for each in table.videos.values()) / table.fps
        before = f', {prepared.num_before} of them done before' if prepared.num_before else ''
        what = f'{len(table.videos)} videos, {seconds:.0f} s at {table.fps} frames a second'
        lines.append(f'{out / VIDEO_TABLE}: {what}{before}')
    if prepared.failures:
        file = parts_folder(out) / FAILURES_FILE
        lines.append(f'{len(prepared.failures)} could not be read: {file}')
    return lines
