"""What stands for the process that server.py forks: client.py FOLDER ARGUMENT OF PYTHON ..."""

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def forward(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has ended: its code comes
        pass


def main(folder, *argv):
    with socket.socket(socket.AF_UNIX) as server:
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # until there is whom to send them
        server.connect(f'{folder}/socket')
        job = {'argv': argv, 'cwd': os.getcwd(), 'env': dict(os.environ)}
        job.update(python=f'{folder}/python', caller=os.getpid())
        job = json.dumps(job) + '\n'
        socket.send_fds(server, [b'\n'], [0, 1, 2])
        server.sendall(job.encode())
        answers = server.makefile('r')
        pid = int(answers.readline() or sys.exit('the server of warm_python has ended'))
        for number in FORWARDED:
            signal.signal(number, lambda number, frame: forward(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        code = int(answers.readline() or sys.exit('the server of warm_python has ended'))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == '__main__':
    main(*sys.argv[1:])
