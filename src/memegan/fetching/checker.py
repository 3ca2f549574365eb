"""A process that checks and stores bodies: python -m memegan.fetching.checker FILES PLACEHOLDERS.

Over a socket, its standard input, it hears where bodies lie, and answers in the same order.
It ends where the socket does, so no checker outlives its scrape. It imports little: that costs.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from memegan.fetching.checking import check_media
from memegan.fetching.files import Files
from memegan.fetching.jobs import Answer, Job
from memegan.fetching.reasons import Refused


def checked(job: Job, files: Files, placeholders: Collection[str]) -> Answer:
    """Check a body, and store it if it is good."""
    try:
        with open(job.path, "rb", buffering=0) as file:  # noqa: PTH123 - costs less
            file.seek(job.offset)
            data = file.read(job.size)
        kind = check_media(job, data, placeholders)
        sha256, is_new = files.put(data)
        return Answer(kind, sha256, is_new=is_new)
    except Refused as error:
        return Answer(reason=error.reason, detail=str(error))
    except OSError as error:
        return Answer(errno=error.errno or -1, detail=str(error))


def serve(line: socket.socket, files: Files, placeholders: Collection[str]) -> None:
    """Answer until nobody asks any more."""
    with line, line.makefile("r", encoding="utf-8") as coming:
        for asked in coming:
            answer = checked(Job(*json.loads(asked)), files, placeholders)
            line.sendall(json.dumps(list(vars(answer).values())).encode() + b"\n")


def given() -> socket.socket:
    """Return the socket to who asks; Windows hands it over in words."""
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(5)  # what is asked for keeps servers waiting, what lies here nobody
    with suppress(BrokenPipeError, ConnectionResetError):  # who asked is gone
        serve(given(), Files(Path(sys.argv[1])), json.loads(sys.argv[2]))
