"""The preparation, killed where it would move something of a name into place.

python killed_preparation.py NAME [arguments of prepare_videos.py]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'prepare_videos.py'

if __name__ == '__main__':
    name = sys.argv[1]
    replace = os.replace

    def replace_or_die(source, target):
        if Path(target).name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = replace_or_die
    sys.argv = [str(TOOL), *sys.argv[2:]]
    runpy.run_path(str(TOOL), run_name='__main__')
