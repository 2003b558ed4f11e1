"""What Graph allows one application in one mailbox: requests at once, requests and octets in a while.

Microsoft, "Throttling limits of Outlook": 4 concurrent requests, 10 000 requests in 10 minutes, 150 MB of uploads in
5 minutes. Clock: the event loop's.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from relay.sandbox.graph_errors import GraphError

_REQUESTS_S = 600.0
_UPLOAD_S = 300.0


@dataclass(slots=True)
class GraphPolicy:
    """The sizes and limits of the service; 0 switches a limit off."""

    request_size: int = 4 * 1024 * 1024
    concurrent: int = 4
    requests: int = 10_000
    upload: int = 150 * 1024 * 1024
    retry_after_s: int = 1  # what is asked for when there are too many at once
    latency_s: float = 0.0  # how long every request takes


class GraphLimits:
    """Counts by mailbox."""

    def __init__(self, policy: GraphPolicy) -> None:
        self._policy = policy
        self._under_way: Counter[str] = Counter()
        self._requests: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._uploads: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    @contextmanager
    def place(self, mailbox: str) -> Iterator[None]:
        """One of the places there are for requests at once; raise GraphError when all are taken."""
        if self._policy.concurrent and self._under_way[mailbox] >= self._policy.concurrent:
            raise GraphError("ApplicationThrottled", retry_after=self._policy.retry_after_s)
        self._under_way[mailbox] += 1
        try:
            yield
        finally:
            self._under_way[mailbox] -= 1

    def count(self, mailbox: str, size: int, now: float) -> None:
        """Count one request of so many octets; raise GraphError when it is too much for now."""
        self._take(self._requests[mailbox], 1, self._policy.requests, now - _REQUESTS_S, _REQUESTS_S)
        self._take(self._uploads[mailbox], size, self._policy.upload, now - _UPLOAD_S, _UPLOAD_S)

    @staticmethod
    def _take(taken: deque[tuple[float, int]], more: int, limit: int, since: float, window_s: float) -> None:
        while taken and taken[0][0] <= since:
            taken.popleft()
        if limit and taken and sum(count for _, count in taken) + more > limit:
            wait = ceil(taken[0][0] - since)
            raise GraphError("TooManyRequests", retry_after=min(max(wait, 1), int(window_s)))
        taken.append((since + window_s, more))
