"""A job's calls on the workers of a dask.distributed cluster, which read frames and write results where they are.

What goes over the wire is small: to a worker the path of what it is to compute and a range of frames, back that it is
done. Workers see the files under the same paths as the process that waits for them.
"""

from __future__ import annotations

import logging
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Progress, Training, checkpoint, until
from napari_fluorodenoise.job.local import workers_here
from napari_fluorodenoise.job.manifest import PACKAGE

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster", "LostCluster", "working"]

SOON, BEAT = 0.005, 0.2
"""Seconds between two looks at what became of a call, and between two reports."""
AHEAD = 8
"""Calls for each thread of the cluster that are under way or waiting there: none idles, and few are lost."""
PATIENCE = 30.0
"""Seconds in which a scheduler has to answer."""

Result = TypeVar("Result")


class LostCluster(ConnectionError):
    """The scheduler or its workers are gone; the job can be resumed."""


class Cluster:
    """An executor on the workers of the cluster that `client` is connected to."""

    def __init__(self, client: Client) -> None:
        self._client, self._address = client, client.scheduler_info()["address"]
        self._counted, self._threads = 0.0, 1
        self._topic, self._said = f"fluorodenoise-{uuid4().hex}", dict[str, tuple[float, str]]()
        client.subscribe_topic(self._topic, self._hear)

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._client.nthreads())

    def __str__(self) -> str:
        return f"{self.workers or 'no'} workers, to be watched at {self._client.dashboard_link}"

    def one(self, call: pieces.Call[Result], *, progress: Progress) -> Result:
        """What `call` gives on one of the workers; it reports here."""
        name = uuid4().hex
        self._said[name] = (0.0, "waiting for a worker")
        try:
            (result,) = self.each(
                [partial(_reporting, call, self._topic, name)], report=lambda: progress(*self._said[name])
            )
        finally:
            self._said.pop(name)
        return result

    def _hear(self, event: tuple[float, tuple[str, float, str]]) -> None:
        """Take down what a call says, if anybody still waits for it."""
        name, fraction, message = event[1]
        if name in self._said:
            self._said[name] = (fraction, message)

    def each(
        self, calls: Sequence[Callable[[], Result]], *, report: Callable[[], None], at_once: int | None = None
    ) -> Iterator[Result]:
        """What each of `calls` gives, in order; what a dying worker had in hand is given to another.

        Workers take as many at a time as they have threads.
        """
        rest, waiting = iter(calls), deque[Any]()
        try:
            while True:
                if self._client.status != "running":
                    raise self._gone()
                room = AHEAD * self._capacity() - len(waiting)
                if room > len(waiting):  # many at a time: what one costs by itself is mostly the sending
                    waiting.extend(self._submitted(islice(rest, room)))
                if not waiting:
                    return
                yield self._awaited(waiting.popleft(), report)
        finally:
            for future in waiting:
                future.release()

    def _capacity(self) -> int:
        """The threads that the cluster has at the moment; asked for now and then, for workers come and go."""
        if time.monotonic() - self._counted > 1:
            try:
                self._counted, self._threads = time.monotonic(), sum(self._client.nthreads().values())
            except OSError as error:  # the connection was closed
                raise self._gone() from error
        return max(self._threads, 1)

    def _gone(self) -> LostCluster:
        return LostCluster(
            f"expected the scheduler at {self._address} until the end, found it gone; what is finished is kept: "
            "start it again, and go on with --resume"
        )

    def _submitted(self, calls: Iterable[Callable[[], Any]]) -> list[Future]:
        import cloudpickle

        pickled = [cloudpickle.dumps(call) for call in calls]
        return list(self._client.map(partial(_called, version(PACKAGE)), pickled, pure=False)) if pickled else []

    def _awaited(self, future: Future, report: Callable[[], None]) -> Any:
        """What the call of `future` gave; raises `LostCluster` where it will never be known."""
        from distributed import KilledWorker

        reported = time.monotonic()
        try:
            while future.status == "pending" and self._client.status == "running":
                time.sleep(SOON)
                if time.monotonic() - reported > BEAT:
                    reported = time.monotonic()
                    report()
            if self._client.status != "running" or future.status in ("lost", "cancelled"):
                raise self._gone()
            return future.result()
        except KilledWorker as error:
            raise LostCluster(
                f"expected workers that live, found a call that ended several of them ({error}); "
                "give them more memory, and go on with --resume"
            ) from error
        finally:
            future.release()


def _called(sender: str, call: bytes) -> Any:
    """On a worker: what the pickled `call` gives, if the worker has the version of its `sender`."""
    from distributed import get_worker

    worker, own = get_worker(), version(PACKAGE)
    if own != sender:
        raise ValueError(_other(own, sender, worker.address))
    task = worker.state.tasks[worker.get_current_task()]
    with until(lambda: task.state not in ("executing", "long-running")):
        return pickle.loads(call)()


def _reporting(call: pieces.Call[Result], topic: str, name: str) -> Result:
    """On a worker: what `call` gives; it reports under its `name`, and ends where nobody waits for it any more."""
    from distributed import get_worker

    worker, last = get_worker(), -BEAT

    def progress(fraction: float, message: str, training: Training | None = None) -> None:
        nonlocal last
        checkpoint()
        if time.monotonic() - last >= BEAT:
            last = time.monotonic()
            worker.log_event(topic, (name, fraction, message))

    return call(progress)


def _other(own: str, sender: str, where: str) -> str:
    return f"expected {PACKAGE} {sender} on every worker, as here, found {own} on {where}; install the same there"


@contextmanager
def working(*, scheduler: str | None = None, workers: int | None = None) -> Iterator[Cluster | None]:
    """Meanwhile pieces of work run on the cluster of the `scheduler`, or on so many new local `workers`, if given.

    Raises ValueError for both at once, without the package distributed, and
    for workers with another version of this package; `LostCluster` where no scheduler answers.
    """
    if scheduler is None and workers is None:
        yield None
        return
    if scheduler is not None and workers is not None:
        raise ValueError("expected a scheduler or a number of workers, found both; a scheduler has its own workers")
    if find_spec("distributed") is None:
        raise ValueError(
            f"expected the package distributed to work on a cluster, found none; pip install '{PACKAGE}[cluster]'"
        )
    with ExitStack() as stack:
        stack.enter_context(_silent())
        client = stack.enter_context(_connected(scheduler or stack.enter_context(workers_here(workers or 1))))
        _refuse_others(client)
        cluster = Cluster(client)
        stack.enter_context(pieces.on(cluster))
        yield cluster


@contextmanager
def _silent() -> Iterator[None]:
    """Keep dask from writing to the terminal what is said here in a line."""
    import distributed  # noqa: F401 - its loggers are there from now on

    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _connected(cluster: Any) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(cluster, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise LostCluster(
            f"expected a dask scheduler at {cluster}, found none ({reason}); check the address"
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=1)


def _refuse_others(client: Client) -> None:
    """Raise ValueError where a worker has another version of this package, or none."""

    def own(package: str) -> str:  # pickled whole: the worker may have no such module
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(package)
        except PackageNotFoundError:
            return "none"

    here = version(PACKAGE)
    for where, there in client.run(own, PACKAGE).items():
        if there != here:
            raise ValueError(_other(there, here, where))
