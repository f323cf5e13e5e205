"""Parts in this process or on the workers of dask.distributed: the same rows either way."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from napari_organelle.errors import OrganelleError

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 2
"""Tasks for each worker that are with the scheduler; the others are not made yet."""

RETRIES = 2
"""How often a task whose worker raised what is no error of ours is tried again."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
"""Environment variables by which libraries learn how many threads they may start."""

HERE = "127.0.0.1"
"""Where local workers listen: no other computer reaches them, and no other user without their certificate."""

DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a local worker runs when it starts: Ctrl-C reaches all processes of a terminal, and the command stops
its workers by itself."""


@contextmanager
def workers(count: int | None = None, scheduler: str | None = None) -> Generator[Client]:
    """A client of `count` processes on this machine, or of a scheduler that is running.

    Processes here listen on the loopback interface only, speak TLS with a certificate that is made for this
    run, and show no dashboard.

    Parameters
    ----------
    count : int, optional
        Worker processes to start; the cores are shared out among them.
    scheduler : str, optional
        Such as ``"tcp://host:8786"``.

    Raises
    ------
    OrganelleError
        If dask.distributed is not installed, or the scheduler does not answer.
    """
    try:
        import cryptography  # noqa: F401
        import dask
        from distributed import Client, LocalCluster, Security
    except ImportError as error:
        raise OrganelleError(
            "Workers need dask.distributed: type  pip install 'napari-organelle[distributed]'"
        ) from error
    with ExitStack() as stack:
        if scheduler:
            try:
                yield stack.enter_context(Client(scheduler, timeout="30s"))
            except (OSError, ValueError) as error:
                raise OrganelleError(
                    f"No scheduler answers at {scheduler}: {error}. Start one, or use --workers N."
                ) from error
            return
        threads = str(max(1, cores() // (count or 1)))
        stack.enter_context(
            dask.config.set(
                {
                    "distributed.nanny.pre-spawn-environ": {
                        **dict.fromkeys(THREADS, threads),
                        "TF_NUM_INTEROP_THREADS": "1",
                        "DASK_LOGGING__DISTRIBUTED": "critical",
                    },
                    "distributed.scheduler.http.routes": [],
                    "distributed.worker.http.routes": [],
                    "distributed.worker.preload": [DEAF, *dask.config.get("distributed.worker.preload", [])],
                }
            )
        )
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=0,
                host=HERE,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": f"{HERE}:0"},
                security=Security.temporary(),
                silence_logs=logging.CRITICAL,
            )
        )
        yield stack.enter_context(Client(cluster))


def cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def on_workers(client: Client, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Results of a function of tasks, in the order in which they are done; tasks are made as they are needed.

    A task whose worker died is done again by another. Closing the iterator cancels what is under way.

    Parameters
    ----------
    client : Client
        Of the workers.
    function : callable
        Picklable, as are tasks and results.
    tasks : iterable
        Read as workers become free.

    Raises
    ------
    OrganelleError
        If a task's workers died again and again, or what `function` raises.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    waiting = iter(tasks)
    submit: Callable[[Task], Future] = partial(client.submit, function, pure=False, retries=RETRIES)
    running = as_completed(map(submit, islice(waiting, _wanted(client))))
    try:
        for future in running:
            try:
                yield future.result()
            except KilledWorker as error:
                raise OrganelleError(
                    "A part was tried on several workers and each of them died, as they do when their memory "
                    f"is full: give each worker more memory, or start fewer. ({error})"
                ) from error
            more = max(1, _wanted(client) - running.count())
            running.update([submit(task) for task in islice(waiting, more)])
    finally:
        client.cancel(list(running.futures))


def _wanted(client: Client) -> int:
    """Tasks that keep all workers busy."""
    return AHEAD * max(1, len(client.nthreads()))
