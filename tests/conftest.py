"""One thread for each test process, Ctrl-C where nobody can press it, examples without a clock."""

import os
import signal

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell's background job ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("memegan", deadline=None, derandomize=True)
settings.load_profile("memegan")
