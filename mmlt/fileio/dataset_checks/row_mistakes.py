"""Mistakes in a file of annotations, and in a label map."""

from __future__ import annotations

from mmlt.fileio.dataset_checks.mistake import FIX, STOPS, Mistake

ROW_MISTAKES = {
    # ------------------------------------------------------------------- files
    'missing_file': Mistake(
        'error',
        'no such file, {role} of {split}',
        'Training stops when the dataset is built.',
        'correct the path in the config.',
    ),
    'unreadable_file': Mistake(
        'error', 'it cannot be read: {why}', STOPS, 'write it again in the format of {role}.'
    ),
    'no_rows': Mistake('error', 'not one row can be used', STOPS, 'annotate the split.'),
    # ------------------------------------------------------------------- rows of a CSV
    'header': Mistake('error', 'header lines', STOPS, 'remove them.' + FIX),
    'columns': Mistake(
        'error',
        'rows with another number of columns than {due}',
        STOPS,
        'give each row video_id, timestamp, x1, y1, x2, y2, label, person_id.',
    ),
    'bad_value': Mistake(
        'error', 'values that are no {role}', STOPS, 'correct or remove these rows.'
    ),
    'float_timestamp': Mistake(
        'error',
        'timestamps between whole seconds',
        'Training stops: a keyframe is a whole second, the key of its proposals and frames.',
        'annotate whole seconds; rounding would put boxes on another moment of the video.',
    ),
    'whole_float_timestamp': Mistake(
        'warning',
        'timestamps written with a point',
        "mmlt reads them; mmaction2's own dataset and metric stop at them.",
        'write 902, not 902.0.' + FIX,
    ),
    'windows_line_ends': Mistake(
        'warning',
        'Windows line ends',
        'mmlt and mmaction2 read them; other tools keep a CR in the last column.',
        'end lines with LF alone.' + FIX,
    ),
    'byte_order_mark': Mistake(
        'warning',
        'a byte-order mark before the first row',
        'mmlt passes over it; mmaction2 takes it for a part of the first video name.',
        'save the file as UTF-8 without a mark.' + FIX,
    ),
    'spaces': Mistake(
        'error',
        'spaces around video names',
        'Such a video is another one: its frames and proposals are not found.',
        'remove the spaces.' + FIX,
    ),
    'pixel_boxes': Mistake(
        'error',
        'boxes in pixels',
        'Training stops: a box is far outside of the frame, and no proposal would match it.',
        "divide x by the frame's width and y by its height." + ' --fix does it where the size is '
        'known.',
    ),
    'reversed_corners': Mistake(
        'error',
        'boxes with x1 > x2 or y1 > y2',
        STOPS,
        'give the left top corner first; x, y, width, height need x + width, y + height.',
    ),
    'zero_area': Mistake(
        'warning',
        'boxes without an area',
        'No proposal overlaps them: they are never trained, and missed by every detector.',
        'correct or remove these rows.',
    ),
    'low_class_ids': Mistake(
        'error',
        'class ids below 1',
        'Training stops: ids start at 1, as in the label map; column 0 of the scores is unused.',
        'add 1 to all ids, if they count from 0 in every file.'
        + ' --fix does it where the label map proves it.',
    ),
    'class_outside_columns': Mistake(
        'error',
        'class ids above {highest}, the last column of num_classes={num_classes}',
        'Training stops: there is no score column for these classes.',
        'set num_classes to the highest id + 1 in dataset, head and metric, or correct the ids.',
    ),
    'class_outside_map': Mistake(
        'doubt',
        'class ids that the label map does not hold',
        'Their boxes are trained, but never evaluated.',
        'add the classes to the label map, unless the evaluation is meant to leave them out.',
    ),
    'repeated_rows': Mistake(
        'warning',
        'rows that repeat the keyframe, box and label of an earlier row',
        'Each counts again in class counts and evaluation.',
        'keep each row once.',
    ),
    'person_twice': Mistake(
        'warning',
        'keyframes with two boxes of one person',
        'One of the boxes is wrong, or two people share an id: their labels are torn apart.',
        'give each person of a keyframe an id of their own, and one box.',
    ),
    'no_person_ids': Mistake(
        'error',
        'rows of 7 columns: no person ids',
        'Training stops: annotations have 8 columns, the last one the person id.',
        'add a column with a whole number a person (any one where tracks do not matter).',
    ),
    # ------------------------------------------------------------------- label map
    'bad_label_map': Mistake(
        'error',
        'it cannot be read: {why}',
        'Training stops when the metric is built.',
        'write items {{ name: "..." id: n }} with ids from 1, each id and name once.',
    ),
    'label_map_layout': Mistake(
        'warning',
        'a layout that mmaction2 does not read: it finds {theirs} of {ours} classes',
        "mmlt reads it; mmaction2's AVAMetric and custom_classes do not know the others.",
        "write each class as 'item {{', '  name: \"...\"', '  id: n', '}}', a line each." + FIX,
    ),
    'label_map_gaps': Mistake(
        'doubt',
        'ids without a class or a box: {ids}',
        'Their score columns are trained on negatives alone.',
        'number the classes from 1 without gaps, or use custom_classes.',
    ),
    'unused_columns': Mistake(
        'warning',
        'the highest class id is {highest}, so num_classes={num_classes} leaves {unused} columns '
        'without a class',
        'The columns are trained on negatives alone.',
        "set num_classes={due} (ids and mmaction2's unused column 0) in dataset, head and metric.",
    ),
}
