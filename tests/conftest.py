"""One thread for each test process, as many processes as cores run; examples without a clock."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("memegan", deadline=None, derandomize=True)
settings.load_profile("memegan")
