"""The detection with a rank that kills itself where it would move a file into place.

python killed_detection.py RANK FILE [arguments of detect_persons.py]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

from mmengine.dist import get_rank

from mmlt.fileio import atomic_write

TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'detect_persons.py'

if __name__ == '__main__':
    kill_rank, kill_file = int(sys.argv[1]), sys.argv[2]
    replace = os.replace

    def replace_or_die(source, target):
        if get_rank() == kill_rank and Path(target).name == kill_file:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    atomic_write.os.replace = replace_or_die
    sys.argv = [str(TOOL), *sys.argv[3:]]
    runpy.run_path(str(TOOL), run_name='__main__')
