"""Scripts: Python files of a person's own with handlers, loaded when they are used and again when they change.

A script is what `AE.start_server(evt_handlers=HANDLERS)` takes, so the same file runs without this program. Its
handlers are the list `HANDLERS` if it has one, and otherwise the functions whose names stand in `FUNCTION_NAMES`.
Nothing but a file that a person named is ever run, with that person's rights.

A new version comes into force as a whole or not at all: while a changed file cannot be loaded, the last good version
answers, and the mistake is told with its line. What a handler raises is remembered with its line and raised on.
"""

from __future__ import annotations

import itertools
import linecache
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import GeneratorType, MappingProxyType, ModuleType, TracebackType
from typing import Any, Literal

from workstation.net.events import INTERVENTION_EVENTS, Event
from workstation.scp.rules.rule import ASSOCIATION, EVENTS
from workstation.small_file import read_small_file

LOGGER = logging.getLogger(__name__)

Handler = Callable[..., Any]

_SHORT = {
    "EVT_C_ECHO": "handle_echo",
    "EVT_C_STORE": "handle_store",
    "EVT_C_FIND": "handle_find",
    "EVT_C_GET": "handle_get",
    "EVT_C_MOVE": "handle_move",
    "EVT_N_ACTION": "handle_action",
    "EVT_N_CREATE": "handle_create",
    "EVT_N_DELETE": "handle_delete",
    "EVT_N_EVENT_REPORT": "handle_event_report",
    "EVT_N_GET": "handle_n_get",
    "EVT_N_SET": "handle_set",
}

FUNCTION_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Not an event of the documented API: only the test server asks it.
        ASSOCIATION: ("handle_association",),
        **{
            event.name: tuple(
                dict.fromkeys(
                    (
                        _SHORT.get(event.name, f"handle_{event.name.removeprefix('EVT_').lower()}"),
                        f"handle_{event.name.removeprefix('EVT_').lower()}",
                    )
                )
            )
            for event in INTERVENTION_EVENTS
        },
    }
)
"""Event -> names of the function that handles it in a script without `HANDLERS`; the first that is there counts."""

LARGEST = 4 * 1024 * 1024
MOST_PROBLEMS = 50

# A file written twice within a tick of its clock can look unchanged: for so long its content is compared.
_FRESH = 2.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What was wrong with a script, when it was loaded or when it ran.

    Attributes:
        sentence: For people, one line.
        line: In the script, from 1; 0 if it has no place there.
        kind: "load": this version is not in force. "run": a handler raised.
        event: Name of the event whose handler raised.
        details: The traceback.
        time: Of the last time, in seconds since the epoch.
        times: How often the same happened.
    """

    sentence: str
    line: int = 0
    kind: Literal["load", "run"] = "load"
    event: str = ""
    details: str = ""
    time: float = field(default_factory=time.time)
    times: int = 1


class ScriptError(Exception):
    """A script cannot be used; `str` is a sentence.

    Attributes:
        path: The script.
        sentence: Why, without the script's name.
        line: Where in the script, from 1; 0 if it has no place there.
    """

    def __init__(self, path: Path, sentence: str, line: int = 0, details: str = "") -> None:
        place = f"{path.name}, line {line}" if line else path.name
        super().__init__(f"{place}: {sentence}")
        self.path = path
        self.sentence = sentence
        self.line = line
        self.details = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One version of a script.

    Attributes:
        path: Its file.
        handlers: Event name -> (handler, further arguments).
        functions: What it defines at its top level, by name.
        version: Serial number of the version in this process.
    """

    path: Path
    handlers: Mapping[str, tuple[Handler, tuple[Any, ...]]]
    functions: Mapping[str, Handler]
    version: int

    def handler(self, event: str, function: str = "") -> tuple[Handler, tuple[Any, ...]]:
        """The handler of an event and what it is given besides.

        Args:
            event: Name of the event.
            function: Of the script; empty for the one that is bound to the event there.

        Raises:
            ScriptError: There is none.
        """
        if function:
            found = self.functions.get(function)
            if found is None:
                raise ScriptError(self.path, f"There is no function {function!r}.")
            return found, ()
        bound = self.handlers.get(event)
        if bound is None:
            names = " or ".join(FUNCTION_NAMES[event]) if event in FUNCTION_NAMES else "nothing"
            raise ScriptError(self.path, f"Nothing is bound to {event}: define {names}, or list it in HANDLERS.")
        return bound


class Scripts:
    """The scripts in use, each loaded once for each version. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._scripts: dict[Path, _Loaded] = {}
        self._listeners: list[Callable[[Path], None]] = []

    def load(self, path: str | Path) -> Script:
        """The script in its newest version that works.

        Raises:
            ScriptError: No version has worked so far.
        """
        loaded = self._of(path)
        script, has_news = loaded.current()
        if has_news:
            self._tell(loaded.path)
        if script is None:
            assert loaded.error is not None
            raise loaded.error
        return script

    def handler(self, path: str | Path, event: str, function: str = "") -> Callable[[Event], Any]:
        """The script's handler for an event; what it raises is remembered and raised on.

        Raises:
            ScriptError: No version of the script has worked so far, or it has no such handler.
        """
        script = self.load(path)
        try:
            handler, args = script.handler(event, function)
        except ScriptError as error:
            self._remember(script.path, Problem(sentence=error.sentence, kind="run", event=event))
            raise
        return self._watched(script.path, event, handler, args)

    def errors(self, path: str | Path) -> tuple[Problem, ...]:
        """What was wrong lately, oldest first; a version that loads begins anew."""
        return self._of(path).problems()

    def forget_errors(self, path: str | Path) -> None:
        """The person has seen what was wrong when it ran."""
        loaded = self._of(path)
        loaded.forget()
        self._tell(loaded.path)

    def listen(self, on_changed: Callable[[Path], None]) -> Callable[[], None]:
        """Be told of each script that got a new version or a new problem, on whatever thread that happens.

        Returns:
            Ends the listening.
        """
        with self._lock:
            self._listeners.append(on_changed)

        def stop() -> None:
            with self._lock:
                if on_changed in self._listeners:
                    self._listeners.remove(on_changed)

        return stop

    def _of(self, path: str | Path) -> _Loaded:
        absolute = Path(path).expanduser().absolute()
        with self._lock:
            loaded = self._scripts.get(absolute)
            if loaded is None:
                loaded = self._scripts[absolute] = _Loaded(absolute)
            return loaded

    def _tell(self, path: Path) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(path)
            except Exception:
                LOGGER.exception("A listener for scripts failed")

    def _remember(self, path: Path, problem: Problem) -> None:
        self._of(path).remember(problem)
        self._tell(path)

    def _watched(self, path: Path, event: str, handler: Handler, args: tuple[Any, ...]) -> Callable[[Event], Any]:
        def failed(error: BaseException) -> None:
            line = _line_in(path, error.__traceback__)
            sentence = _sentence(error)
            LOGGER.warning("%s, line %d: %s", path.name, line, sentence)
            details = "".join(traceback.format_exception(error))
            self._remember(path, Problem(sentence=sentence, line=line, kind="run", event=event, details=details))

        def iterated(given: Iterator[Any]) -> Iterator[Any]:
            try:
                yield from given
            except GeneratorExit:
                raise
            except BaseException as error:
                failed(error)
                raise

        @wraps(handler)
        def watched(happened: Event) -> Any:
            try:
                given = handler(happened, *args)
            except BaseException as error:
                failed(error)
                raise
            return iterated(given) if isinstance(given, GeneratorType) else given

        return watched


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells that a file has not changed."""

    changed: int
    size: int
    inode: int

    @property
    def is_fresh(self) -> bool:
        """Whether it was written so lately that it could change without looking so."""
        return time.time() - self.changed / 1e9 < _FRESH


class _Loaded:
    """One script's file, its last good version and what went wrong since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: ScriptError | None = None
        self._script: Script | None = None
        self._loading = threading.RLock()  # held while the file is read and run
        self._content: bytes | None = None
        self._stamp: _Stamp | None = None
        self._problems: deque[Problem] = deque(maxlen=MOST_PROBLEMS)
        self._noting = threading.Lock()  # guards the problems
        self._module_name = f"dicom_script_{path.stem}_{next(_numbers)}"

    def current(self) -> tuple[Script | None, bool]:
        """The version in force, and whether there is news of it.

        While another thread loads a new version the old one answers.
        """
        if not self._loading.acquire(blocking=self._script is None):
            return self._script, False
        try:
            return self._refreshed()
        finally:
            self._loading.release()

    def _refreshed(self) -> tuple[Script | None, bool]:
        try:
            found = self.path.stat()
            stamp = _Stamp(found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp and not stamp.is_fresh:
                return self._script, False
            if found.st_size > LARGEST:
                raise ScriptError(self.path, f"It has more than {LARGEST:,} bytes, which is no script.")
            content = read_small_file(self.path, LARGEST)
        except OSError as error:
            self._stamp = self._content = None
            return self._script, self._failed(ScriptError(self.path, f"It cannot be read: {error.strerror or error}."))
        except ScriptError as error:
            self._stamp, self._content = stamp, None
            return self._script, self._failed(error)
        self._stamp = stamp
        if content == self._content:
            return self._script, False
        self._content = content
        try:
            script = self._run(content)
        except ScriptError as error:
            return self._script, self._failed(error)
        with self._noting:
            self._problems.clear()
        self._script, self.error = script, None
        LOGGER.info("%s is loaded: %s", self.path.name, ", ".join(script.handlers) or "no handlers")
        return script, True

    def _failed(self, error: ScriptError) -> bool:
        """Note why there is no newer version; whether that is news."""
        is_news = self.error is None or str(self.error) != str(error)
        self.error = error
        if is_news:
            LOGGER.warning("%s%s", error, " The version before stays in force." if self._script else "")
            self.remember(Problem(sentence=error.sentence, line=error.line, details=error.details))
        return is_news

    # running a file

    def _run(self, content: bytes) -> Script:
        try:
            code = compile(content, os.fspath(self.path), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise ScriptError(self.path, _syntax_sentence(error), error.lineno or 0) from error
        except Exception as error:
            raise ScriptError(self.path, f"It is no Python text: {error}.") from error
        module = ModuleType(self._module_name)
        module.__file__ = os.fspath(self.path)
        # Where a dataclass of the script looks its annotations up.
        before = sys.modules.get(self._module_name)
        sys.modules[self._module_name] = module
        linecache.checkcache(os.fspath(self.path))
        _find_neighbours(self.path.parent)
        try:
            exec(code, module.__dict__)
            return Script(
                path=self.path,
                handlers=MappingProxyType(_bindings(self.path, module)),
                functions=MappingProxyType(_functions(module)),
                version=next(_numbers),
            )
        except BaseException as error:
            # Whatever the script does, sys.exit() included: it must not end the server.
            if before is None:
                del sys.modules[self._module_name]
            else:
                sys.modules[self._module_name] = before
            if isinstance(error, ScriptError):
                raise
            line = _line_in(self.path, error.__traceback__)
            details = "".join(traceback.format_exception(error))
            raise ScriptError(self.path, _sentence(error), line, details) from error

    # problems

    def remember(self, problem: Problem) -> None:
        """Keep a problem; the same one again is counted."""
        with self._noting:
            for index, known in enumerate(self._problems):
                if (known.sentence, known.line, known.event) == (problem.sentence, problem.line, problem.event):
                    del self._problems[index]
                    problem = Problem(
                        sentence=problem.sentence,
                        line=problem.line,
                        kind=problem.kind,
                        event=problem.event,
                        details=problem.details,
                        time=problem.time,
                        times=known.times + 1,
                    )
                    break
            self._problems.append(problem)

    def problems(self) -> tuple[Problem, ...]:
        """All that are kept."""
        with self._noting:
            return tuple(self._problems)

    def forget(self) -> None:
        """Drop those of running; one of loading stays true until the file changes."""
        with self._noting:
            kept = [problem for problem in self._problems if problem.kind == "load"]
            self._problems.clear()
            self._problems.extend(kept)


def _find_neighbours(folder: Path) -> None:
    """Let a script import modules that lie beside it, as when Python runs it; last, so that they hide nothing."""
    name = os.fspath(folder)
    if name not in sys.path:
        sys.path.append(name)


def _functions(module: ModuleType) -> dict[str, Handler]:
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def _bindings(path: Path, module: ModuleType) -> dict[str, tuple[Handler, tuple[Any, ...]]]:
    listed = getattr(module, "HANDLERS", None)
    if listed is None:
        found = {}
        for event, names in FUNCTION_NAMES.items():
            function = next((f for name in names if callable(f := getattr(module, name, None))), None)
            if function is not None:
                found[event] = (function, ())
        return found
    try:
        entries = list(listed)
    except TypeError:
        raise ScriptError(path, "HANDLERS is no list of (event, function).") from None
    bound: dict[str, tuple[Handler, tuple[Any, ...]]] = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, tuple | list) or not 2 <= len(entry) <= 3:
            raise ScriptError(
                path, f"Entry {number} of HANDLERS is not (event, function) or (event, function, [args])."
            )
        event, handler, *more = entry
        # pynetdicom's events have the same names, so a script written for it serves as it is.
        name = str(getattr(event, "name", event))
        if not callable(handler):
            raise ScriptError(path, f"Entry {number} of HANDLERS binds {name} to what cannot be called.")
        if name in EVENTS:
            bound[name] = (handler, tuple(more[0] or ()) if more else ())
    if (handler := getattr(module, FUNCTION_NAMES[ASSOCIATION][0], None)) is not None and callable(handler):
        bound.setdefault(ASSOCIATION, (handler, ()))
    return bound


def _line_in(path: Path, trace: TracebackType | None) -> int:
    """The last line of the script that a traceback goes through."""
    name = os.fspath(path)
    lines = [number for frame, number in traceback.walk_tb(trace) if frame.f_code.co_filename == name]
    return lines[-1] if lines else 0


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SystemExit):
        return f"The script ended itself (sys.exit, {text or 0})."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _syntax_sentence(error: SyntaxError) -> str:
    text = " ".join(str(error.msg or "it is no Python").split())
    return f"{text[:1].upper()}{text[1:]}."
