"""The extraction with a rank that kills itself where it would move a shard into place.

python killed_extraction.py RANK SHARD [arguments of extract_box_features.py]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

from mmengine.dist import get_rank

from mmlt.fileio import box_features as box_feature_files

TOOL = Path(__file__).parents[3] / 'tools' / 'features' / 'extract_box_features.py'

if __name__ == '__main__':
    kill_rank, kill_shard = int(sys.argv[1]), sys.argv[2]
    rename = os.rename

    def rename_or_die(source, target):
        if get_rank() == kill_rank and Path(target).name == kill_shard:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    box_feature_files.os.rename = rename_or_die
    sys.argv = [str(TOOL), *sys.argv[3:]]
    runpy.run_path(str(TOOL), run_name='__main__')
