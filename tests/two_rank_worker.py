"""One of two gloo ranks that run what the tests send them: two_rank_worker.py RANK RENDEZVOUS.

A line of standard input is a JSON list [SCRIPT, ARGUMENT, ...]; the rank calls the script's
``main(rank, *arguments)`` and answers with a line, 'done' or the error, upon which it ends.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback

import torch


def main(rank: int, rendezvous: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2
    )
    for line in sys.stdin:
        script, *arguments = json.loads(line)
        try:
            spec = importlib.util.spec_from_file_location('job', script)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            module.main(rank, *arguments)
        except Exception:
            print(json.dumps(traceback.format_exc()), file=answers, flush=True)
            os._exit(1)  # at once: the other rank may be waiting for this one
        print(json.dumps('done'), file=answers, flush=True)
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2])
