"""A parent with workers, as gunicorn and uvicorn have one: SIGTTIN starts a worker, SIGTTOU ends one.

    prefork_server.py gunicorn|uvicorn FOLDER

How many workers it was told to have stands in FOLDER/count; SIGUSR1 has it take the number in FOLDER/wanted.
While there is FOLDER/busy, a worker of the kind gunicorn that was told to end has something to finish; it listens no
more then. While there is FOLDER/late, signals wait.
"""

import os
import queue
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

KIND, FOLDER = sys.argv[1], Path(sys.argv[2])
WORKER = "import signal; signal.pause()"
signals: "queue.SimpleQueue[int]" = queue.SimpleQueue()
workers: "list[int]" = []
told = int((FOLDER / "wanted").read_text())
listeners = [socket.socket(), socket.socket(socket.AF_UNIX)]
listeners[0].bind(("127.0.0.1", 0))
listeners[1].bind(str(FOLDER / "listener"))
for each in listeners:
    each.listen()


def finish(*_: object) -> None:
    """End a worker once it has nothing to do."""
    for listener in listeners:
        listener.close()
    while (FOLDER / "busy").exists():
        time.sleep(0.01)
    os._exit(0)


def start_worker() -> None:
    """Fork as gunicorn does, or start a program as uvicorn does."""
    if KIND == "uvicorn":
        inherited = [listener.fileno() for listener in listeners]
        command = [sys.executable, "-c", WORKER, "--multiprocessing-fork"]
        workers.append(subprocess.Popen(command, pass_fds=inherited).pid)
        return
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, finish)
        while True:
            time.sleep(0.01)
    workers.append(pid)


def next_signal() -> int:
    """Look again and again: of a signal that comes right before a wait Python hears after it alone."""
    while True:
        try:
            return signals.get(timeout=0.01)
        except queue.Empty:
            continue


def write_down() -> None:
    """Say what is true, before it can be seen."""
    new = FOLDER / "count.new"
    new.write_text(str(told))
    new.rename(FOLDER / "count")


def reap() -> None:
    """Forget the workers that have ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in workers:
            workers.remove(pid)


for number in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGCHLD):
    signal.signal(number, lambda number, _: signals.put(number))
while True:
    write_down()
    while len(workers) < told:
        start_worker()
    while len(workers) > told:
        os.kill(workers.pop(0 if KIND == "gunicorn" else -1), signal.SIGTERM)
    number = next_signal()
    while (FOLDER / "late").exists():
        time.sleep(0.01)
    if number == signal.SIGTTIN:
        told += 1
    elif number == signal.SIGTTOU:
        told = max(1, told - 1)
    elif number == signal.SIGUSR1:
        told = int((FOLDER / "wanted").read_text())
    reap()
