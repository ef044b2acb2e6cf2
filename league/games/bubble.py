"""What code of an environment changes in the process around it, undone when the call is over.

An environment is somebody else's code in our process. It may print, leave another working directory, turn warnings into
errors, let numpy raise where it rounded, seed the global random numbers, fork, or exit; none of that is to reach a
learner or another game.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` finds every handler a name: ten times as long.
import builtins
import contextlib
import contextvars
import os
import random
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, Self, TypeVar

import numpy as np
import torch

from league.games.patience import end_call

T = TypeVar("T")

_exit: Final = os._exit
_kill: Final = os.kill
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_inside: Final[contextvars.ContextVar[bool]] = contextvars.ContextVar("inside a bubble", default=False)


class Bubble:
    """One for a group of environments; what they set for themselves, they find again in the next call.

    That is their working directory, and what is bound to a context: numpy's handling of errors, decimal's precision.
    """

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._context.run(_inside.set, True)
        self._folder: str | None = None
        """Of the environments, where it is another one than ours."""

    def run(self, play: Callable[[], T]) -> T:
        """Call `play` and return what it does; raises what it raises. A child that was forked in it ends here."""
        with self._kept():
            return self._context.run(play)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        process, folder, streams = os.getpid(), _folder(), (sys.stdout, sys.stderr)
        filters, rules = warnings.filters, list(warnings.filters)
        kept = [get() for get, _ in _KEPT]
        in_main = threading.get_ident() == threading.main_thread().ident
        handlers = [_signal.getsignal(one) for one in _SIGNALS] if in_main else []
        alarm = (0.0, 0.0)
        if in_main:
            if callable(handlers[0]):
                _signal.signal(signal.SIGINT, _heard(handlers[0]))
            alarm = signal.setitimer(signal.ITIMER_REAL, 0)
            _signal.signal(signal.SIGALRM, end_call)
        _enter(self._folder)
        os._exit = _exit_of(process, threading.get_ident())  # type: ignore[assignment]
        os.kill = _kill_of(process, threading.get_ident())
        # Where a command prints what another program reads, nobody else does.
        sys.stdout = sys.stderr = _Voice(sys.stderr)
        try:
            yield
        finally:
            os._exit, os.kill = _exit, _kill
            if os.getpid() != process:
                _exit(0)  # A copy of a whole learner, or worker, that nobody waits for.
            sys.stdout, sys.stderr = streams
            found = _folder()
            self._folder = None if found == folder else found
            if found != folder:
                _enter(folder)  # Also out of one that was deleted.
            if warnings.filters is not filters or list(warnings.filters) != rules:
                warnings.filters = filters
                filters[:] = rules  # type: ignore[index]
            for (get, put), value in zip(_KEPT, kept, strict=True):
                if get() != value:
                    put(value)
            for one, handler in zip(_SIGNALS, handlers, strict=False):
                if handler is not None and _signal.getsignal(one) is not handler:  # None: not Python's to set.
                    _signal.signal(one, handler)
            if in_main:
                signal.setitimer(signal.ITIMER_REAL, *alarm)  # One of the environment would go off in our code.


def _device() -> torch.device:
    try:
        return torch.empty(0).device  # Asked for it, torch takes four times as long.
    except Exception:  # It was set to one that is not there.
        return torch.get_default_device()


def _to_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # Where there is none, torch is faster.


def _builtins() -> tuple[list[str], list[Any]]:
    return [*vars(builtins)], [*vars(builtins).values()]


def _to_builtins(found: tuple[list[str], list[Any]]) -> None:
    vars(builtins).update(zip(*found, strict=True))  # `print` as it was; what is new stays.


_KEPT: Final[tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...]] = (
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_default_dtype, torch.set_default_dtype),
    (_device, _to_device),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (_builtins, _to_builtins),
)
"""How to ask for what a whole process has, and how to set it."""


class _Voice:
    """What an environment prints goes to a stream that it cannot close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def close(self) -> None:
        """Leave it open: it is not the environment's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _exit_of(process: int, thread: int) -> Callable[[int], NoReturn]:
    """`os._exit` as this thread of this process finds it: an exception. A child that was forked ends as ever."""

    def leave(status: int) -> NoReturn:
        if (os.getpid(), threading.get_ident()) == (process, thread):
            raise SystemExit(status)
        _exit(status)

    return leave


def _kill_of(process: int, thread: int) -> Callable[[int, int], None]:
    """`os.kill` as this thread of this process finds it: an exception where it is meant for the process itself."""

    def kill(target: int, number: int) -> None:
        if target == process and number and (os.getpid(), threading.get_ident()) == (process, thread):
            raise SystemExit(f"kills its own process by signal {number}")
        _kill(target, number)

    return kill


class Interrupted(KeyboardInterrupt):
    """A person's Ctrl-C, which came while an environment was at work. One that it raises itself is its own affair."""


def _heard(handler: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
    """The handler of SIGINT, such that what it raises can be told from what an environment does."""

    def hear(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt

    return hear


class Dice:
    """The global random numbers of one environment, kept apart from everybody else's if it seeds them in its reset.

    So equal seeds give equal games however many boards there are, and what a learner draws stays its own.
    """

    def __init__(self) -> None:
        self._state: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, seed: int) -> Self:
        """Dice that begin with a seed, for a game that throws the global ones without a seed of its own."""
        dice = cls()
        dice.reset(lambda: (random.seed(seed), np.random.seed(seed), torch.default_generator.manual_seed(seed)))
        return dice

    @property
    def thrown(self) -> bool:
        """Whether `reset` has changed the global random numbers."""
        return self._state is not None

    def reset(self, play: Callable[..., T], *arguments: Any) -> T:
        """Start a game, and see whether that changes the global random numbers."""
        outside = _dice()
        try:
            return play(*arguments)
        finally:
            inside = _dice()
            self._state = None if _same(inside, outside) else inside
            if self._state is not None:
                _set_dice(outside)

    def step(self, play: Callable[..., T], *arguments: Any) -> T:
        """Go on in the game that `reset` started."""
        if self._state is None:
            return play(*arguments)
        outside = _dice()
        _set_dice(self._state)
        try:
            return play(*arguments)
        finally:
            self._state = _dice()
            _set_dice(outside)


def raised_by_environment(error: BaseException) -> bool:
    """Whether an exception is the environment's: of any kind, but not where a person or Ray ends the process.

    Not every one is an `Exception`: a panic in Rust and a cancelled coroutine are none. To be asked where it arose,
    inside the bubble: outside of one Ctrl-C cannot be told from a `KeyboardInterrupt` of the environment.
    """
    if isinstance(error, Exception):
        return True
    if isinstance(error, KeyboardInterrupt):
        return _inside.get() and not isinstance(error, Interrupted)
    # Ray's handler of SIGTERM runs in whatever line is under way.
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    return not any(f"{os.sep}ray{os.sep}_private{os.sep}" in file or file.endswith("_raylet.pyx") for file in files)


@contextlib.contextmanager
def passed_over() -> Iterator[None]:
    """Whatever an environment raises in the block is of no account."""
    try:
        yield
    except BaseException as error:  # a user's code may raise anything
        if not raised_by_environment(error):
            raise


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  (as a Path it takes four times as long)
    except OSError:  # It was deleted.
        return None


def _enter(folder: str | None) -> None:
    if folder is not None:
        with contextlib.suppress(OSError):
            os.chdir(folder)


def _dice() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _set_dice(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    (plain, (_, keys, *rest), torchs), (plain2, (_, keys2, *rest2), torchs2) = one, other
    return plain == plain2 and rest == rest2 and np.array_equal(keys, keys2) and torch.equal(torchs, torchs2)
