"""What a call costs, on a machine that others use as well."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

RUNS = 10


def cpu_seconds(call: Callable[[], object], allowed: float) -> float:
    """CPU seconds of the quickest of up to ten runs, without what a tracer costs.

    A run that takes less than half of what is `allowed` is the last one: what costs so little needs no second look.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        best = float("inf")
        for _ in range(RUNS):
            began = time.process_time()
            call()
            best = min(best, time.process_time() - began)
            if best < allowed / 2:
                break
        return best
    finally:
        sys.settrace(tracer)
