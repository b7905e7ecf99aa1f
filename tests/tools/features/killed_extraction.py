"""A tool with a rank that kills itself where it would move a shard into place.

python killed_extraction.py TOOL RANK SHARD [arguments of the tool]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

from mmengine.dist import get_rank

TOOLS = Path(__file__).parents[3] / 'tools' / 'features'

if __name__ == '__main__':
    tool, kill_rank, kill_shard = str(TOOLS / sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def or_die(move):
        def move_or_die(source, target):
            if get_rank() == kill_rank and Path(target).name == kill_shard:
                os.kill(os.getpid(), signal.SIGKILL)
            move(source, target)

        return move_or_die

    os.rename, os.replace = or_die(os.rename), or_die(os.replace)  # a folder, a file
    sys.argv = [tool, *sys.argv[4:]]
    runpy.run_path(tool, run_name='__main__')
