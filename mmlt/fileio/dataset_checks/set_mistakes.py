"""Mistakes that show where files meet: videos, frames, proposals, splits."""

from __future__ import annotations

from mmlt.fileio.dataset_checks.mistake import FIX, STOPS, Mistake

SET_MISTAKES = {
    # ------------------------------------------------------------------- videos and frames
    'keyframe_outside': Mistake(
        'error',
        'keyframes outside of {range}',
        'Training stops: the clips of these keyframes would be one frame, repeated.',
        '{mend}',
    ),
    'keyframe_at_end': Mistake(
        'warning',
        'keyframes at the very end of the frames',
        'The second half of their clips is one frame, repeated.',
        'check that timestamp_end is timestamp_start + the seconds on disk.',
    ),
    'video_name': Mistake(
        'error',
        'video names that differ from {other} in case, extension or padding',
        'Their {lost} are not found.',
        'write the same name in both. --fix takes that of videos.json, of the frames, or else of '
        'the annotations, where only one fits.',
    ),
    'name_variants': Mistake(
        'doubt',
        'video names that differ in case or extension alone',
        'They are two videos, unless one of them is a slip: then its boxes are torn apart.',
        'write one name, if it is one video.',
    ),
    'video_not_in_table': Mistake(
        'error',
        'videos that {table} does not hold',
        'Training stops: their rate, start and length are unknown.',
        'prepare these videos, or remove their rows.',
    ),
    'missing_frames': Mistake(
        'error',
        'videos without {media}',
        'Training stops when it reads them.',
        'correct data_prefix, or prepare these videos.',
    ),
    'frame_names': Mistake(
        'error',
        'folders in which no file is called like filename_tmpl={tmpl!r}',
        'Training stops when it reads them.',
        'correct filename_tmpl.',
    ),
    'short_frames': Mistake(
        'error',
        'folders that end before the last frame that a clip reaches',
        'Training stops in the middle of an epoch.',
        'extract the frames to the end of the video; check fps, start_index and timestamp_start.',
    ),
    'frame_holes': Mistake(
        'error',
        'folders with holes in the numbering of the frames',
        'Training stops in the middle of an epoch.',
        'extract the frames of these videos again.',
    ),
    'table_frames': Mistake(
        'warning',
        'videos with another number of frames on disk than the table says',
        'Keyframes are placed by the table: with another rate the clips show other moments.',
        'prepare these videos again.',
    ),
    'table_length': Mistake(
        'warning',
        'video files of another length than the table says',
        'The table was made of another file, or rate: keyframes may show other moments.',
        'prepare these videos again.',
    ),
    'table_file': Mistake(
        'warning',
        'video files of the table that are not there',
        'Frames on disk serve without them; clips straight from the video do not.',
        'put them back, or correct the paths in the table.',
    ),
    'excluded_unknown': Mistake(
        'doubt',
        'no excluded keyframe is of an annotated video',
        'The list excludes nothing.',
        'check that it is that of this split, with the same video names.',
    ),
    # ------------------------------------------------------------------- proposals
    'proposal_pixels': Mistake(
        'error',
        'proposals in pixels',
        'Training stops when it reads the file.',
        "divide x by the frame's width and y by its height. --fix does it where the size is known.",
    ),
    'proposal_boxes': Mistake(
        'error',
        'proposals that are no boxes',
        STOPS,
        'each row is x1, y1, x2, y2, score: finite, in fractions of the frame, x1 <= x2, y1 <= y2.',
    ),
    'proposal_keys': Mistake(
        'error',
        'keys that are no keyframe or hold no (n, 4) or (n, 5) array',
        STOPS,
        "write 'video,0902' -> array of rows x1, y1, x2, y2, score.",
    ),
    'no_proposal': Mistake(
        'warning',
        'keyframes without a proposal',
        'Each is trained and tested with one box as large as the frame.',
        'detect persons on these keyframes too.',
    ),
    'no_keyframe_proposed': Mistake(
        'error',
        'no keyframe of {ann_file} has a proposal',
        'Training stops; a metric would be 0.',
        'take the proposals of these videos: the file holds {shown}, the annotations {asked}.',
    ),
    'low_scores': Mistake(
        'warning',
        'keyframes on which no proposal reaches person_det_score_thr={thr:g}: {many}',
        'Each keeps its best proposal alone; the other persons are not trained.',
        'lower person_det_score_thr to what the detector gives.',
    ),
    'no_overlap': Mistake(
        'error',
        'not one proposal overlaps an annotated box of its keyframe in {ann_file}',
        'Training stops; a metric would be 0.',
        'check that both are x1, y1, x2, y2 in fractions of the same frame, of the same seconds.',
    ),
    'low_recall': Mistake(
        'warning',
        'proposals find {recall:.0%} of the annotated boxes of {ann_file} (IoU >= .5{scores})',
        'A box that no proposal meets is neither trained nor ever found: it bounds every AP.',
        'detect persons better; or lower person_det_score_thr if all proposals find more.',
    ),
    'swapped_axes': Mistake(
        'error',
        '{which} in the order y1, x1, y2, x2: proposals find {as_is:.0%} of the annotated boxes '
        'as they are, {swapped:.0%} with x and y changed about',
        'The model is trained on other parts of the picture; a metric is near 0.',
        'write x1, y1, x2, y2.' + FIX,
    ),
    'wide_boxes': Mistake(
        'doubt',
        'boxes wider than tall: {share:.0%} of them, in the middle {ratio:.1f} times as wide',
        'People are taller than wide: perhaps the columns are y1, x1, y2, x2.',
        'look at the boxes on the page; write x1, y1, x2, y2.',
    ),
    'shifted_seconds': Mistake(
        'doubt',
        'seconds shifted: proposals find {as_is:.0%} of the annotated boxes of {ann_file}, and '
        '{shifted:.0%} if they are taken from {shift:+d} s',
        'Boxes are compared with persons of another moment.',
        'check timestamp_start and the numbering of the seconds on both sides.',
    ),
    # ------------------------------------------------------------------- across splits
    'shared_keyframe': Mistake(
        'error',
        'keyframes that {other} has too',
        '{harm}',
        'keep each keyframe in one split.',
    ),
    'shared_video': Mistake(
        'error',
        'videos that {other} has too',
        '{harm}',
        'put all keyframes of a video into one split.',
    ),
    'shared_footage': Mistake(
        'error',
        'videos that show the same seconds of a file as videos of {other}',
        '{harm}',
        'cut the file into parts that do not overlap.',
    ),
    'class_without_box': Mistake(
        'warning',
        'classes without a box in {split}',
        '{without}',
        'move a video that shows them into {split}, or leave the classes out (custom_classes).',
    ),
}
