"""VIA 3 projects and their CSV export, as the annotator's JavaScript writes them."""

from __future__ import annotations

import json

TEXT, CHECKBOX, RADIO, SELECT = 1, 2, 3, 4
IMAGE, VIDEO = 2, 4


def attribute(name, kind=CHECKBOX, options=()):
    """An attribute whose options have the ids '0', '1', ..."""
    return {
        'aname': name,
        'anchor_id': 'FILE1_Z1_XY1',
        'type': kind,
        'desc': '',
        'options': {str(i): option for i, option in enumerate(options)},
        'default_option_id': '',
    }


def project(media, entries, attributes):
    """The object of a project.

    Args:
        media: Names of the files; file and view i, from 1, are the i-th.
        entries: (file name, z, xy, av) of each.
        attributes: Of all boxes; they get the ids '1', '2', ...
    """
    views = {name: str(i) for i, name in enumerate(media, start=1)}
    return {
        'project': {
            'pid': '__VIA_PROJECT_ID__',
            'rev': '__VIA_PROJECT_REV_ID__',
            'rev_timestamp': '__VIA_PROJECT_REV_TIMESTAMP__',
            'pname': 'walkers',
            'creator': 'VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)',
            'created': 1577836800000,
            'vid_list': list(views.values()),
        },
        'config': {'file': {'loc_prefix': {'1': '', '2': '', '3': '', '4': ''}}, 'ui': {}},
        'attribute': {str(i): each for i, each in enumerate(attributes, start=1)},
        'file': {
            view: {
                'fid': view,
                'fname': name,
                'type': IMAGE if name.endswith('.jpg') else VIDEO,
                'loc': 1,
                'src': '',
            }
            for name, view in views.items()
        },
        'metadata': {
            f'{views[name]}_{i:08d}': {'vid': views[name], 'flg': 0, 'z': z, 'xy': xy, 'av': av}
            for i, (name, z, xy, av) in enumerate(entries)
        },
        'view': {view: {'fid_list': [view]} for view in views.values()},
    }


def to_csv(content):
    """What the button "export annotations (CSV)" makes of a project."""
    lines = [
        '# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)',
        '# Notes:',
        '# - spatial_coordinates of [2,10,20,50,80] denotes a rectangle (shape_id=2) of size 50x80',
        '# SHAPE_ID = {"POINT":1,"RECTANGLE":2,"CIRCLE":3,"ELLIPSE":4,"LINE":5,"POLYLINE":6}',
        '# FLAG_ID = {"RESERVED_FOR_FUTURE":1}',
        f'# ATTRIBUTE = {_compact(content["attribute"])}',
        '# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,'
        'metadata',
    ]
    for key, entry in content['metadata'].items():
        file = content['view'][entry['vid']]['fid_list'][0]
        names = [content['file'][file]['fname']]
        fields = (_quoted(each) for each in (names, entry['z'], entry['xy'], entry['av']))
        names, z, xy, av = fields
        lines.append(f'"{key}",{names},{entry["flg"]},{z},{xy},{av}')
    return '\n'.join(lines)


def _compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def _quoted(value):
    return '"' + _compact(value).replace('"', '""') + '"'
