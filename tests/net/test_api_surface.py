"""The documented API, name by name: what a script may import, set, call and expect.

A fact is an expression and what it comes to. Each is asked of this package and, in a Python of its own, of the
installed original, so that a fact which is wrong here is not a test that is right.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import peers
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

OURS = "workstation.net"
ORIGINAL = "pynetdicom"

# what is no good is given on purpose, and warned of
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

Fact = tuple[str, str]
CT = "1.2.840.10008.5.1.4.1.1.2"

MODULES = (
    "ae",
    "association",
    "events",
    "sop_class",
    "presentation",
    "status",
    "service_class",
    "service_class_n",
    "pdu_primitives",
    "dimse_primitives",
    "transport",
    "_config",
    "dsutils",
    "utils",
    "_globals",
)

ROOT_NAMES = [
    "AE",
    "Association",
    "build_context",
    "build_role",
    "register_uid",
    "debug_logger",
    "_config",
    "sop_class",
    "evt",
    "DEFAULT_TRANSFER_SYNTAXES",
    "ALL_TRANSFER_SYNTAXES",
    "__version__",
    "PYNETDICOM_UID_PREFIX",
    "PYNETDICOM_IMPLEMENTATION_UID",
    "PYNETDICOM_IMPLEMENTATION_VERSION",
]


# ------------------------------------------------------------------- how a fact is asked
def assigned(thing: Any, **values: Any) -> Any:
    """The attribute after it was assigned to; of several, the last one."""
    for name, value in values.items():
        setattr(thing, name, value)
    return getattr(thing, name)


def warned(call: Any) -> list[str]:
    """The kinds of warnings that a call gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return sorted({warning.category.__name__ for warning in caught})


def shape(function: Any) -> str:
    """Names, order and defaults of what a caller may give by position."""
    parts = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            parts.append(f"**{parameter.name}")
        elif parameter.kind is not parameter.KEYWORD_ONLY and parameter.name not in ("self", "cls"):
            given = parameter.default
            if isinstance(given, int) and not isinstance(given, bool):
                given = int(given)  # 2 and Priority.LOW are the same to a caller
            parts.append(parameter.name + ("" if given is parameter.empty else f"={given!r}"))
    return ", ".join(parts)


def item(kind: Any, **values: Any) -> Any:
    """A negotiation item with its attributes."""
    made = kind()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def syntaxes(context: Any) -> list[str]:
    return [str(syntax) for syntax in context.transfer_syntax]


def silenced(call: Any) -> Any:
    """What a call gives, its warnings left aside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def names_of(root: str) -> dict[str, Any]:
    """What the expressions may use."""
    package = importlib.import_module(root)
    names: dict[str, Any] = {module: importlib.import_module(f"{root}.{module}") for module in MODULES}
    names.update({name: getattr(package, name) for name in ROOT_NAMES})
    names.update(
        X=package,
        items=names["pdu_primitives"],
        BytesIO=io.BytesIO,
        Dataset=Dataset,
        UID=UID,
        assigned=assigned,
        importlib=importlib,
        inspect=inspect,
        item=item,
        logging=logging,
        pydicom_uid=pydicom.uid,
        root=root,
        shape=shape,
        silenced=silenced,
        ssl=ssl,
        syntaxes=syntaxes,
        threading=threading,
        warned=warned,
    )
    return names | helpers(names)


def helpers(names: dict[str, Any]) -> dict[str, Any]:
    """What the expressions may use beside the documented names."""
    x = SimpleNamespace(**names)
    ServiceUser = x.association.ServiceUser
    items = x.pdu_primitives

    def one(event: Any, *args: Any) -> None:
        pass

    def two(event: Any, *args: Any) -> None:
        pass

    class Handler(getattr(x.transport, "RequestHandler", object)):  # type: ignore[misc]
        pass

    class Server(x.transport.AssociationServer):  # type: ignore[misc, name-defined]
        pass

    def done(act: Callable[[Any], Any], then: Callable[[Any], Any] = lambda ae: ae) -> Any:
        ae = x.AE()
        act(ae)
        return then(ae)

    def new(mode: str = "requestor") -> Any:
        return x.Association(x.AE(), mode)

    def user(mode: str = "requestor") -> Any:
        return ServiceUser(new(mode), mode)

    def located() -> Any:
        who = user()
        who.ae_title = "A"
        who.address_info = x.transport.AddressInformation("127.0.0.1", 104)
        return who

    def with_items(*given: Any) -> Any:
        who = user()
        for negotiation in given:
            who.add_negotiation_item(negotiation)
        return who

    def dropped(given: Any, how: str = "remove") -> Any:
        who = with_items(given)
        if how == "reset":
            who.reset_negotiation_items()
        else:
            who.remove_negotiation_item(given)
        return who

    def bound(event: Any, *handlers: tuple[Any, ...]) -> Any:
        assoc = new()
        if event.is_notification:
            for handler, _ in assoc.get_handlers(event):  # the logging ones
                assoc.unbind(event, handler)
        for handler in handlers:
            assoc.bind(event, *handler)
        return assoc.get_handlers(event)

    def unbound(event: Any, *handlers: Any) -> Any:
        assoc = new()
        for handler in (one, two):
            assoc.bind(event, handler)
        for handler in handlers:
            assoc.unbind(event, handler)
        return assoc.get_handlers(event)

    def event(kind: Any, **attributes: Any) -> Any:
        return x.evt.Event(None, kind, attributes)

    def triggered(kind: Any, attributes: dict[str, Any]) -> Any:
        assoc = new()
        seen: list[Any] = []
        assoc.bind(kind, seen.append)
        x.evt.trigger(assoc, kind, attributes)
        return seen[0]

    def added(*given: Any) -> list[str]:
        context = x.presentation.PresentationContext()
        for syntax in given:
            context.add_transfer_syntax(syntax)
        return syntaxes(context)

    def numbered() -> Any:
        context = x.build_context("1.3", "1.9")
        context.context_id = 3
        return context

    def configured(option: str, value: Any, call: Callable[[], Any]) -> Any:
        before = getattr(x._config, option)
        setattr(x._config, option, value)
        try:
            return call()
        finally:
            setattr(x._config, option, before)

    def proposed(*uids: str) -> list[Any]:
        contexts = [x.build_context(uid, "1.9") for uid in uids]
        for index, context in enumerate(contexts):
            context.context_id = 2 * index + 1
        return contexts

    def accepted(theirs: list[str], ours: list[str] | None, rq: Any = None, ac: Any = (None, None)) -> Any:
        context = proposed("1.3")[0]
        context.transfer_syntax = theirs
        supported = x.build_context("1.3" if ours else "1.4", ours)
        supported.scu_role, supported.scp_role = ac
        results, _ = x.presentation.negotiate_as_acceptor([context], [supported], {"1.3": rq} if rq else None)
        return int(results[0].result), syntaxes(results[0]), results[0].as_scu, results[0].as_scp

    def confirmed(result: int, syntax: str) -> Any:
        context = x.build_context("1.3", ["1.9", "1.8"])
        answer = x.presentation.PresentationContext()
        context.context_id = answer.context_id = 1
        answer.transfer_syntax = [syntax]
        answer.result = result
        (agreed,) = x.presentation.negotiate_as_requestor([context], [answer])
        return int(agreed.result), syntaxes(agreed), agreed.as_scu, agreed.as_scp

    def written(table: dict[int, tuple[str, str]]) -> str:
        """The codes that are not of every service, with the first letter of their category, runs joined."""
        runs: list[tuple[int, int, str]] = []
        for code in sorted(set(table) - set(x.status.GENERAL_STATUS)):
            letter = table[code][0][0]
            if runs and runs[-1][1] == code - 1 and runs[-1][2] == letter:
                runs[-1] = (runs[-1][0], code, letter)
            else:
                runs.append((code, code, letter))
        return " ".join(f"{a:04X}{c}" if a == b else f"{a:04X}-{b:04X}{c}" for a, b, c in runs)

    def named() -> Dataset:
        ds = Dataset()
        ds.PatientName = "A"
        return ds

    def unwritable() -> Dataset:
        ds = Dataset()
        ds.add_new(0x00280010, "US", "no number")
        return ds

    def logged(call: Callable[[], Any]) -> Any:
        logger = logging.getLogger(x.root)
        handlers, level = list(logger.handlers), logger.level
        try:
            return call()
        finally:
            logger.handlers[:] = handlers
            logger.setLevel(level)

    def said(text: str, level: int) -> str:
        def say() -> str:
            x.debug_logger()
            logger = logging.getLogger(x.root)
            stream = io.StringIO()
            (handler,) = logger.handlers
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(stream)
            logger.log(level, text)
            return stream.getvalue()

        return str(logged(say))

    def served(look: Callable[[Any], Any], contexts: Any = None, **options: Any) -> Any:
        ae = x.AE()
        ae.add_supported_context("1.3")
        server = ae.make_server(("127.0.0.1", 0), contexts=contexts, **options)
        try:
            return look(server)
        finally:
            server.server_close()

    return {name: value for name, value in locals().items() if name not in ("names", "x", "ServiceUser")} | {
        "address": x.transport.AddressInformation,
        "common": item(
            items.SOPClassCommonExtendedNegotiation,
            sop_class_uid="1.3",
            service_class_uid="1.4",
            related_general_sop_class_identification=["1.5"],
        ),
        "context": x.presentation.PresentationContext,
        "extended": item(
            items.SOPClassExtendedNegotiation, sop_class_uid="1.3", service_class_application_information=b"\x01"
        ),
        "identity": item(items.UserIdentityNegotiation, user_identity_type=1, primary_field=b"me"),
        "requested": lambda ae: [str(context.abstract_syntax) for context in ae.requested_contexts],
        "roles": lambda ae: [(context.scu_role, context.scp_role) for context in ae.supported_contexts],
        "supported": lambda ae: [str(context.abstract_syntax) for context in ae.supported_contexts],
        "window": item(
            items.AsynchronousOperationsWindowNegotiation,
            maximum_number_operations_invoked=3,
            maximum_number_operations_performed=4,
        ),
    }


def answer(expression: str, names: dict[str, Any]) -> str:
    """What an expression comes to, as text; an exception by the built-in class that it is or is derived from."""
    try:
        return repr(eval(expression, dict(names)))
    except Exception as error:
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


# ------------------------------------------------------------------- the facts
# One a line: an expression and, behind =>, what it comes to; an indented line goes on.

IMPORTS = r"""
X.AE is ae.ApplicationEntity  =>  True
X.Association is association.Association  =>  True
X.evt is events  =>  True
X.sop_class is sop_class and X._config is _config  =>  True
X.build_context is presentation.build_context and X.build_role is presentation.build_role  =>  True
X.register_uid is sop_class.register_uid  =>  True
X.DEFAULT_TRANSFER_SYNTAXES is _globals.DEFAULT_TRANSFER_SYNTAXES  =>  True
X.ALL_TRANSFER_SYNTAXES is _globals.ALL_TRANSFER_SYNTAXES  =>  True
isinstance(X.__version__, str)  =>  True
type(X.PYNETDICOM_IMPLEMENTATION_UID).__name__, X.PYNETDICOM_IMPLEMENTATION_UID.is_valid  =>  ('UID', True)
X.PYNETDICOM_IMPLEMENTATION_UID.startswith(X.PYNETDICOM_UID_PREFIX[:-1])  =>  True
X.PYNETDICOM_UID_PREFIX[-1]  =>  '.'
1 <= len(X.PYNETDICOM_IMPLEMENTATION_VERSION) <= 16  =>  True
_globals.DEFAULT_MAX_LENGTH  =>  16382
X.AllStoragePresentationContexts is presentation.AllStoragePresentationContexts  =>  True
X.NoSuchName  =>  AttributeError
issubclass(X.Association, threading.Thread)  =>  True
"""

TRANSFER_SYNTAXES = r"""
DEFAULT_TRANSFER_SYNTAXES
    =>  ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.2']
len(ALL_TRANSFER_SYNTAXES), len(set(ALL_TRANSFER_SYNTAXES))  =>  (45, 45)
set(DEFAULT_TRANSFER_SYNTAXES) <= set(ALL_TRANSFER_SYNTAXES)  =>  True
'1.2.840.10008.1.2.4.110' in ALL_TRANSFER_SYNTAXES  =>  True
'1.2.840.10008.1.2.8.1' in ALL_TRANSFER_SYNTAXES  =>  True
type(DEFAULT_TRANSFER_SYNTAXES), type(ALL_TRANSFER_SYNTAXES)  =>  (<class 'list'>, <class 'list'>)
"""

AE_TITLES = r"""
AE().ae_title  =>  'PYNETDICOM'
AE('A').ae_title, AE(ae_title='B').ae_title  =>  ('A', 'B')
AE('1234567890123456').ae_title  =>  '1234567890123456'
AE('12345678901234567')  =>  ValueError
AE('')  =>  ValueError
AE('   ')  =>  ValueError
AE('M\u00dcNCHEN')  =>  ValueError
AE('A\nB')  =>  ValueError
AE('A\\B')  =>  ValueError
AE(1)  =>  TypeError
AE(None)  =>  TypeError
AE(['A'])  =>  TypeError
silenced(lambda: AE(b'BYTES').ae_title)  =>  'BYTES'
warned(lambda: AE(b'BYTES'))  =>  ['DeprecationWarning']
warned(lambda: AE('TEXT'))  =>  []
warned(lambda: assigned(AE(), ae_title=b'B'))  =>  ['DeprecationWarning']
assigned(AE(), ae_title='NEW')  =>  'NEW'
assigned(AE(), ae_title='')  =>  ValueError
assigned(AE(), ae_title=5)  =>  TypeError
assigned(AE(), ae_title='A' * 17)  =>  ValueError
assigned(AE(), require_calling_aet=['A', 'B'])  =>  ['A', 'B']
assigned(AE(), require_calling_aet=[])  =>  []
silenced(lambda: assigned(AE(), require_calling_aet=[b'A']))  =>  ['A']
warned(lambda: assigned(AE(), require_calling_aet=[b'A']))  =>  ['DeprecationWarning']
assigned(AE(), require_calling_aet=[''])  =>  ValueError
assigned(AE(), require_calling_aet=['A' * 17])  =>  ValueError
assigned(AE(), require_calling_aet=[1])  =>  TypeError
"""

AE_ATTRIBUTES = r"""
AE().acse_timeout, AE().dimse_timeout, AE().network_timeout, AE().connection_timeout  =>  (30, 30, 60, None)
assigned(AE(), acse_timeout=None)  =>  None
assigned(AE(), acse_timeout=0)  =>  0
assigned(AE(), acse_timeout=5)  =>  5
assigned(AE(), acse_timeout=0.5)  =>  0.5
assigned(AE(), acse_timeout=-1)  =>  30
assigned(AE(), acse_timeout='5')  =>  30
assigned(AE(), acse_timeout=[])  =>  30
assigned(AE(), dimse_timeout=None)  =>  None
assigned(AE(), dimse_timeout=0)  =>  0
assigned(AE(), dimse_timeout=5)  =>  5
assigned(AE(), dimse_timeout=0.5)  =>  0.5
assigned(AE(), dimse_timeout=-1)  =>  30
assigned(AE(), dimse_timeout='5')  =>  30
assigned(AE(), dimse_timeout=[])  =>  30
assigned(AE(), network_timeout=None)  =>  None
assigned(AE(), network_timeout=0)  =>  0
assigned(AE(), network_timeout=5)  =>  5
assigned(AE(), network_timeout=0.5)  =>  0.5
assigned(AE(), network_timeout=-1)  =>  60
assigned(AE(), network_timeout='5')  =>  60
assigned(AE(), network_timeout=[])  =>  60
assigned(AE(), connection_timeout=5)  =>  5
assigned(AE(), connection_timeout=0.5)  =>  0.5
assigned(AE(), connection_timeout=None)  =>  None
assigned(AE(), connection_timeout=0)  =>  None
assigned(AE(), connection_timeout=-1)  =>  None
assigned(AE(), connection_timeout='5')  =>  None
AE().maximum_associations  =>  10
assigned(AE(), maximum_associations=3)  =>  3
assigned(AE(), maximum_associations=0)  =>  1
assigned(AE(), maximum_associations=-10)  =>  1
assigned(AE(), maximum_associations='5')  =>  1
assigned(AE(), maximum_associations=2.5)  =>  1
AE().maximum_pdu_size  =>  16382
assigned(AE(), maximum_pdu_size=0)  =>  0
assigned(AE(), maximum_pdu_size=5432)  =>  5432
assigned(AE(), maximum_pdu_size=-10)  =>  16382
AE().implementation_class_uid == PYNETDICOM_IMPLEMENTATION_UID  =>  True
assigned(AE(), implementation_class_uid='1.2.3')  =>  '1.2.3'
assigned(AE(), implementation_class_uid=b'1.2.3')  =>  '1.2.3'
assigned(AE(), implementation_class_uid=UID('1.2.3'))  =>  '1.2.3'
type(assigned(AE(), implementation_class_uid='1.2.3')).__name__  =>  'UID'
assigned(AE(), implementation_class_uid='')  =>  ValueError
assigned(AE(), implementation_class_uid='1.2.04')  =>  ValueError
assigned(AE(), implementation_class_uid=None)  =>  TypeError
assigned(AE(), implementation_class_uid=1.2)  =>  TypeError
AE().implementation_version_name == PYNETDICOM_IMPLEMENTATION_VERSION  =>  True
assigned(AE(), implementation_version_name=None)  =>  None
assigned(AE(), implementation_version_name='A' * 16)  =>  'AAAAAAAAAAAAAAAA'
assigned(AE(), implementation_version_name='A' * 17)  =>  ValueError
assigned(AE(), implementation_version_name='')  =>  ValueError
assigned(AE(), implementation_version_name=1)  =>  TypeError
AE().require_called_aet, assigned(AE(), require_called_aet=True)  =>  (False, True)
AE().require_calling_aet  =>  []
AE().active_associations  =>  []
assigned(AE(), active_associations=[])  =>  AttributeError
isinstance(str(AE('NAMED')), str) and 'NAMED' in str(AE('NAMED'))  =>  True
AE().shutdown()  =>  None
"""

AE_CONTEXTS = r"""
AE().supported_contexts, AE().requested_contexts  =>  ([], [])
done(lambda a: a.add_supported_context('1.2'), lambda a: [syntaxes(c) for c in a.supported_contexts])
    =>  [['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.2']]
done(lambda a: a.add_supported_context('1.2', '1.3'), lambda a: [syntaxes(c) for c in a.supported_contexts])
    =>  [['1.3']]
done(lambda a: a.add_supported_context('1.2', UID('1.3')), lambda a: [syntaxes(c) for c in
    a.supported_contexts])  =>  [['1.3']]
done(lambda a: a.add_supported_context('1.2', ['1.3', '1.4']), lambda a: [syntaxes(c) for c in
    a.supported_contexts])  =>  [['1.3', '1.4']]
done(lambda a: a.add_supported_context('1.2', ('1.3', '1.4')), lambda a: [syntaxes(c) for c in
    a.supported_contexts])  =>  [['1.3', '1.4']]
done(lambda a: a.add_supported_context('1.2', transfer_syntax=['1.3']), lambda a: [syntaxes(c) for c in
    a.supported_contexts])  =>  [['1.3']]
done(lambda a: a.add_supported_context(abstract_syntax=UID('1.2'), transfer_syntax='1.3'), lambda a:
    [syntaxes(c) for c in a.supported_contexts])  =>  [['1.3']]
done(lambda a: a.add_supported_context(1), lambda a: [syntaxes(c) for c in a.supported_contexts])  =>  TypeError
done(lambda a: a.add_supported_context('1' * 65), lambda a: [syntaxes(c) for c in a.supported_contexts])
    =>  ValueError
done(lambda a: a.add_supported_context('1.2', [1]), lambda a: [syntaxes(c) for c in a.supported_contexts])
    =>  TypeError
done(lambda a: a.add_supported_context('1.2', ['']), lambda a: [syntaxes(c) for c in a.supported_contexts])
    =>  ValueError
done(lambda a: a.add_requested_context('1.2'), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  [['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.2']]
done(lambda a: a.add_requested_context('1.2', '1.3'), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  [['1.3']]
done(lambda a: a.add_requested_context('1.2', UID('1.3')), lambda a: [syntaxes(c) for c in
    a.requested_contexts])  =>  [['1.3']]
done(lambda a: a.add_requested_context('1.2', ['1.3', '1.4']), lambda a: [syntaxes(c) for c in
    a.requested_contexts])  =>  [['1.3', '1.4']]
done(lambda a: a.add_requested_context('1.2', ('1.3', '1.4')), lambda a: [syntaxes(c) for c in
    a.requested_contexts])  =>  [['1.3', '1.4']]
done(lambda a: a.add_requested_context('1.2', transfer_syntax=['1.3']), lambda a: [syntaxes(c) for c in
    a.requested_contexts])  =>  [['1.3']]
done(lambda a: a.add_requested_context(abstract_syntax=UID('1.2'), transfer_syntax='1.3'), lambda a:
    [syntaxes(c) for c in a.requested_contexts])  =>  [['1.3']]
done(lambda a: a.add_requested_context(1), lambda a: [syntaxes(c) for c in a.requested_contexts])  =>  TypeError
done(lambda a: a.add_requested_context('1' * 65), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  ValueError
done(lambda a: a.add_requested_context('1.2', [1]), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  TypeError
done(lambda a: a.add_requested_context('1.2', ['']), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  ValueError
done(lambda a: [a.add_supported_context(u, '1.9') for u in ('1.4', '1.3', '1.5')], supported)
    =>  ['1.3', '1.4', '1.5']
done(lambda a: [a.add_supported_context('1.3', t) for t in ('1.9', '1.8', '1.9')], lambda a:
    syntaxes(a.supported_contexts[0]))  =>  ['1.9', '1.8']
done(lambda a: [a.add_supported_context('1.3') for _ in range(3)], supported)  =>  ['1.3']
done(lambda a: [a.add_requested_context(u) for u in ('1.4', '1.3', '1.4')], requested)  =>  ['1.4', '1.3', '1.4']
done(lambda a: [a.add_requested_context('1.3') for _ in range(128)], lambda a: len(requested(a)))  =>  128
done(lambda a: [a.add_requested_context('1.3') for _ in range(129)], requested)  =>  ValueError
done(lambda a: a.add_supported_context('1.3', scu_role=True, scp_role=False), roles)  =>  [(True, False)]
done(lambda a: a.add_supported_context('1.3', None, False, True), roles)  =>  [(False, True)]
done(lambda a: a.add_supported_context('1.3'), roles)  =>  [(None, None)]
AE().add_supported_context('1.3', scu_role=1)  =>  TypeError
AE().add_supported_context('1.3', scp_role='True')  =>  TypeError
AE().add_requested_context('1.3', scp_role=True)  =>  TypeError
done(lambda a: (a.add_supported_context('1.3'), a.remove_supported_context('1.3')), supported)  =>  []
done(lambda a: (a.add_supported_context('1.3', ['1.8', '1.9']), a.remove_supported_context('1.3', '1.8')),
    lambda a: syntaxes(a.supported_contexts[0]))  =>  ['1.9']
done(lambda a: (a.add_supported_context('1.3', ['1.8', '1.9']), a.remove_supported_context('1.3', ['1.8',
    '1.9'])), supported)  =>  []
done(lambda a: a.remove_supported_context('1.3'), supported)  =>  []
done(lambda a: ([a.add_requested_context(u) for u in ('1.3', '1.4', '1.3')], a.remove_requested_context('1.3')),
    requested)  =>  ['1.4']
done(lambda a: ([a.add_requested_context('1.3', ['1.8', '1.9']) for _ in range(2)],
    a.remove_requested_context('1.3', '1.8')), lambda a: [syntaxes(c) for c in a.requested_contexts])
    =>  [['1.9'], ['1.9']]
done(lambda a: ([a.add_requested_context('1.3', t) for t in ('1.8', '1.9')], a.remove_requested_context('1.3',
    ['1.8'])), lambda a: [syntaxes(c) for c in a.requested_contexts])  =>  [['1.9']]
done(lambda a: a.remove_requested_context('1.3'), requested)  =>  []
supported(done(lambda a: assigned(a, supported_contexts=[build_context('1.4'), build_context('1.3')])))
    =>  ['1.3', '1.4']
requested(done(lambda a: assigned(a, requested_contexts=[build_context('1.4'), build_context('1.3')])))
    =>  ['1.4', '1.3']
supported(done(lambda a: assigned(a, supported_contexts=X.StoragePresentationContexts))) ==
    sorted(c.abstract_syntax for c in X.StoragePresentationContexts)  =>  True
assigned(AE(), requested_contexts=[build_context('1.3')] * 129)  =>  ValueError
assigned(AE(), requested_contexts=['1.3'])  =>  ValueError
assigned(AE(), supported_contexts=['1.3'])  =>  ValueError
len(assigned(AE(), supported_contexts=X.AllStoragePresentationContexts))  =>  170
done(lambda a: a.add_requested_context('1.3'), lambda a: a.requested_contexts[0].context_id)  =>  None
"""

AE_CALLS = r"""
AE().associate('127.0.0.1', 1)  =>  RuntimeError
AE().associate('127.0.0.1', 1, contexts=[])  =>  RuntimeError
AE().associate(127, 1, contexts=[build_context('1.3')])  =>  TypeError
AE().associate('127.0.0.1', '1', contexts=[build_context('1.3')])  =>  TypeError
AE().associate('127.0.0.1', 1.0, contexts=[build_context('1.3')])  =>  TypeError
AE().associate('127.0.0.1', 1, contexts=['1.3'])  =>  ValueError
AE().associate('127.0.0.1', 1, contexts=[build_context('1.3')] * 129)  =>  ValueError
AE().associate('127.0.0.1', 1, [build_context('1.3')], ae_title='')  =>  ValueError
AE().associate('127.0.0.1', 1, [build_context('1.3')], ae_title='A' * 17)  =>  ValueError
AE().associate('127.0.0.1', 1, [build_context('1.3')], ae_title=1)  =>  TypeError
AE().associate('127.0.0.1', 1, [build_context('1.3')], bind_address='127.0.0.1')  =>  TypeError
AE().associate('127.0.0.1', 1, [build_context('1.3')], bind_address=(1, 0))  =>  TypeError
AE().associate('127.0.0.1', 1, [build_context('1.3')], bind_address=('127.0.0.1', '0'))  =>  TypeError
AE().associate('127.0.0.1', 1, [build_context('1.3')], ext_neg=['item'])  =>  TypeError
AE().start_server(('127.0.0.1', 0))  =>  ValueError
AE().start_server(('127.0.0.1', 0), block=False)  =>  ValueError
AE().make_server(('127.0.0.1', 0))  =>  ValueError
AE().make_server(('127.0.0.1', 0), contexts=[])  =>  ValueError
done(lambda a: a.add_supported_context('1.3', scu_role=True)).make_server(('127.0.0.1', 0))  =>  ValueError
done(lambda a: a.add_supported_context('1.3', scp_role=False)).start_server(('127.0.0.1', 0), block=False)
    =>  ValueError
AE().make_server(('127.0.0.1', 0), 'A' * 17, [build_context('1.3')])  =>  ValueError
AE().make_server(('127.0.0.1', 0), 1, [build_context('1.3')])  =>  TypeError
"""

SIGNATURES = r"""
shape(AE)  =>  "ae_title='PYNETDICOM'"
shape(AE.add_supported_context)  =>  'abstract_syntax, transfer_syntax=None, scu_role=None, scp_role=None'
shape(AE.remove_supported_context)  =>  'abstract_syntax, transfer_syntax=None'
shape(AE.add_requested_context)  =>  'abstract_syntax, transfer_syntax=None'
shape(AE.remove_requested_context)  =>  'abstract_syntax, transfer_syntax=None'
shape(AE.associate)
    =>  "addr, port, contexts=None, ae_title='ANY-SCP', max_pdu=16382, ext_neg=None, bind_address=None,
    tls_args=None, evt_handlers=None"
shape(AE.start_server)  =>  'address, block=True, ssl_context=None, evt_handlers=None, ae_title=None, contexts=None'
shape(AE.make_server)
    =>  'address, ae_title=None, contexts=None, ssl_context=None, evt_handlers=None, server_class=None,
    **kwargs'
shape(AE.shutdown)  =>  ''
shape(Association)  =>  'ae, mode'
shape(Association.abort)  =>  'block=True'
shape(Association.release)  =>  ''
shape(Association.kill)  =>  ''
shape(Association.request)  =>  ''
shape(Association.get_events)  =>  ''
shape(Association.bind)  =>  'event, handler, args=None'
shape(Association.unbind)  =>  'event, handler'
shape(Association.get_handlers)  =>  'event'
shape(Association.send_c_echo)  =>  'msg_id=1'
shape(Association.send_c_store)  =>  'dataset, msg_id=1, priority=2, originator_aet=None, originator_id=None'
shape(Association.send_c_find)  =>  'dataset, query_model, msg_id=1, priority=2'
shape(Association.send_c_get)  =>  'dataset, query_model, msg_id=1, priority=2'
shape(Association.send_c_move)  =>  'dataset, move_aet, query_model, msg_id=1, priority=2'
shape(Association.send_c_cancel)  =>  'msg_id, context_id=None, query_model=None'
shape(Association.send_n_event_report)  =>  'dataset, event_type, class_uid, instance_uid, msg_id=1, meta_uid=None'
shape(Association.send_n_get)  =>  'identifier_list, class_uid, instance_uid, msg_id=1, meta_uid=None'
shape(Association.send_n_set)  =>  'dataset, class_uid, instance_uid, msg_id=1, meta_uid=None'
shape(Association.send_n_action)  =>  'dataset, action_type, class_uid, instance_uid, msg_id=1, meta_uid=None'
shape(Association.send_n_create)  =>  'dataset, class_uid, instance_uid=None, msg_id=1, meta_uid=None'
shape(Association.send_n_delete)  =>  'class_uid, instance_uid, msg_id=1, meta_uid=None'
shape(association.ServiceUser)  =>  'assoc, mode'
shape(association.ServiceUser.get_contexts)  =>  'cx_type'
shape(association.ServiceUser.add_negotiation_item)  =>  'item'
shape(association.ServiceUser.remove_negotiation_item)  =>  'item'
shape(association.ServiceUser.reset_negotiation_items)  =>  ''
shape(build_context)  =>  'abstract_syntax, transfer_syntax=None'
shape(build_role)  =>  'uid, scu_role=False, scp_role=False'
shape(register_uid)  =>  "uid, keyword, service_class, dimse_msg_type=''"
shape(debug_logger)  =>  ''
shape(presentation.PresentationContext)  =>  ''
shape(presentation.PresentationContext.add_transfer_syntax)  =>  'syntax'
shape(presentation.negotiate_as_acceptor)  =>  'rq_contexts, ac_contexts, roles=None'
shape(presentation.negotiate_as_requestor)  =>  'rq_contexts, ac_contexts, roles=None'
shape(sop_class.uid_to_sop_class)  =>  'uid'
shape(sop_class.uid_to_service_class)  =>  'uid'
shape(status.code_to_status)  =>  'code'
shape(status.code_to_category)  =>  'code'
shape(status.Status.add)  =>  'name, code'
shape(events.Event)  =>  'assoc, event, attrs=None'
shape(events.Event.encoded_dataset)  =>  'include_meta=True'
shape(events.trigger)  =>  'assoc, event, attrs=None'
shape(events.get_default_handler)  =>  'event'
shape(transport.AddressInformation)  =>  'addr, port, flowinfo=0, scope_id=0'
shape(transport.AddressInformation.from_addr_port)  =>  'addr, port'
shape(transport.AssociationServer)
    =>  'ae, address, ae_title, contexts, ssl_context=None, evt_handlers=None, request_handler=None'
shape(transport.ThreadedAssociationServer)
    =>  'ae, address, ae_title, contexts, ssl_context=None, evt_handlers=None, request_handler=None'
shape(transport.AssociationServer.bind)  =>  'event, handler, args=None'
shape(transport.AssociationServer.unbind)  =>  'event, handler'
shape(transport.AssociationServer.get_handlers)  =>  'event'
shape(transport.AssociationServer.get_events)  =>  ''
shape(dsutils.encode)  =>  'ds, is_implicit_vr, is_little_endian, deflated=False'
shape(dsutils.decode)  =>  'bytestring, is_implicit_vr, is_little_endian, deflated=False'
shape(utils.decode_bytes)  =>  'encoded_value'
shape(utils.validate_uid)  =>  'uid'
shape(utils.set_uid)  =>  'value, name, allow_empty=True, allow_none=True, validate=True'
shape(utils.set_ae)  =>  'value, name, allow_empty=True, allow_none=True'
shape(utils.pretty_bytes)  =>  "bytestream, prefix='  ', delimiter='  ', items_per_line=16, max_size=512, suffix=''"
shape(utils.make_target)  =>  'target_fn'
"""

ASSOCIATION = r"""
Association(AE(), 'other')  =>  ValueError
Association(AE(), 'requestor').mode, Association(AE(), 'acceptor').mode  =>  ('requestor', 'acceptor')
new().is_requestor, new().is_acceptor, new('acceptor').is_requestor, new('acceptor').is_acceptor
    =>  (True, False, False, True)
new().is_established, new().is_released, new().is_aborted, new().is_rejected  =>  (False, False, False, False)
new().accepted_contexts, new().rejected_contexts  =>  ([], [])
type(new().requestor).__name__, type(new().acceptor).__name__  =>  ('ServiceUser', 'ServiceUser')
type(new().ae).__name__  =>  'ApplicationEntity'
new().acse_timeout, new().dimse_timeout, new().network_timeout  =>  (30, 30, 60)
assigned(new(), acse_timeout=None), assigned(new(), dimse_timeout=5), assigned(new(), network_timeout=0.5)
    =>  (None, 5, 0.5)
new().network_timeout_response  =>  'A-ABORT'
assigned(new(), network_timeout_response='A-RELEASE')  =>  'A-RELEASE'
isinstance(new(), threading.Thread)  =>  True
new().is_alive()  =>  False
callable(new().lock.acquire) and callable(new().lock.release)  =>  True
sorted(new().local)  =>  ['address', 'ae_title', 'mode', 'port']
sorted(new().remote)  =>  ['address', 'ae_title', 'mode', 'port']
new().local['mode'], new().remote['mode']  =>  ('requestor', 'acceptor')
new('acceptor').local['mode'], new('acceptor').remote['mode']  =>  ('acceptor', 'requestor')
assigned(new(), ae=None)  =>  AttributeError
new().send_c_echo()  =>  RuntimeError
new().send_c_store(Dataset())  =>  RuntimeError
new().send_c_find(Dataset(), '1.2.840.10008.5.1.4.1.2.2.1')  =>  RuntimeError
new().send_c_get(Dataset(), '1.2.840.10008.5.1.4.1.2.2.3')  =>  RuntimeError
new().send_c_move(Dataset(), 'AET', '1.2.840.10008.5.1.4.1.2.2.2')  =>  RuntimeError
new().send_c_cancel(1, 1)  =>  RuntimeError
new().send_n_event_report(Dataset(), 1, '1.3', '1.4')  =>  RuntimeError
new().send_n_get([], '1.3', '1.4')  =>  RuntimeError
new().send_n_set(Dataset(), '1.3', '1.4')  =>  RuntimeError
new().send_n_action(Dataset(), 1, '1.3', '1.4')  =>  RuntimeError
new().send_n_create(Dataset(), '1.3', '1.4')  =>  RuntimeError
new().send_n_delete('1.3', '1.4')  =>  RuntimeError
"""

SERVICE_USER = r"""
user().mode, user().is_requestor, user().is_acceptor  =>  ('requestor', True, False)
user('acceptor').mode, user('acceptor').is_requestor, user('acceptor').is_acceptor  =>  ('acceptor', False, True)
association.ServiceUser(new(), 'other')  =>  ValueError
user().ae_title  =>  ''
assigned(user(), ae_title='A')  =>  'A'
assigned(user(), ae_title='A' * 17)  =>  ValueError
assigned(user(), ae_title='')  =>  ValueError
assigned(user(), ae_title=None)  =>  TypeError
assigned(user(), ae_title=1)  =>  TypeError
user().address  =>  ValueError
user().port  =>  ValueError
user().address_info  =>  None
assigned(user(), address_info=transport.AddressInformation('127.0.0.1', 104)).as_tuple  =>  ('127.0.0.1', 104)
located().address, located().port  =>  ('127.0.0.1', 104)
user().writeable, user('acceptor').writeable  =>  (True, True)
sorted(located().info), located().info['mode'], located().info['port']
    =>  (['address', 'ae_title', 'mode', 'port'], 'requestor', 104)
user().maximum_length, assigned(user(), maximum_length=0), assigned(user(), maximum_length=100)  =>  (16382, 0, 100)
assigned(user(), implementation_class_uid='1.2.3')  =>  '1.2.3'
assigned(user(), implementation_version_name='V')  =>  'V'
user().requested_contexts, user('acceptor').supported_contexts  =>  ([], [])
len(assigned(user(), requested_contexts=[build_context('1.3')]))  =>  1
len(assigned(user('acceptor'), supported_contexts=[build_context('1.3')]))  =>  1
assigned(user(), supported_contexts=[build_context('1.3')])  =>  AttributeError
assigned(user('acceptor'), requested_contexts=[build_context('1.3')])  =>  AttributeError
user('acceptor').get_contexts('supported')  =>  []
user().get_contexts('requested')  =>  []
user().get_contexts('pcdl')  =>  ValueError
user().get_contexts('other')  =>  ValueError
user('acceptor').get_contexts('other')  =>  ValueError
user().extended_negotiation  =>  []
user().role_selection, user().sop_class_extended, user().sop_class_common_extended  =>  ({}, {}, {})
user().asynchronous_operations, user().user_identity  =>  ((1, 1), None)
user().accepted_common_extended  =>  RuntimeError
user('acceptor').accepted_common_extended  =>  {}
user().add_negotiation_item('item')  =>  TypeError
user().add_negotiation_item(None)  =>  TypeError
with_items(build_role('1.3', True)).role_selection['1.3'].scu_role  =>  True
len(with_items(build_role('1.3', True)).extended_negotiation)  =>  1
with_items(extended).sop_class_extended  =>  {'1.3': b'\x01'}
with_items(common).sop_class_common_extended['1.3'].service_class_uid  =>  '1.4'
with_items(window).asynchronous_operations  =>  (3, 4)
with_items(identity).user_identity.primary_field  =>  b'me'
dropped(build_role('1.3', True)).role_selection  =>  {}
dropped(extended).sop_class_extended  =>  {}
dropped(common).sop_class_common_extended  =>  {}
dropped(window).asynchronous_operations  =>  (1, 1)
dropped(identity).user_identity  =>  None
dropped(window).extended_negotiation  =>  []
dropped(window, 'reset').extended_negotiation  =>  []
user().remove_negotiation_item(window)  =>  None
user('acceptor').writeable  =>  True
"""

EVENTS = r"""
sorted(n for n in dir(events) if n.startswith('EVT_'))
    =>  ['EVT_ABORTED', 'EVT_ACCEPTED', 'EVT_ACSE_RECV', 'EVT_ACSE_SENT', 'EVT_ASYNC_OPS', 'EVT_CONN_CLOSE',
    'EVT_CONN_OPEN', 'EVT_C_ECHO', 'EVT_C_FIND', 'EVT_C_GET', 'EVT_C_MOVE', 'EVT_C_STORE', 'EVT_DATA_RECV',
    'EVT_DATA_SENT', 'EVT_DIMSE_RECV', 'EVT_DIMSE_SENT', 'EVT_ESTABLISHED', 'EVT_FSM_TRANSITION',
    'EVT_N_ACTION', 'EVT_N_CREATE', 'EVT_N_DELETE', 'EVT_N_EVENT_REPORT', 'EVT_N_GET', 'EVT_N_SET',
    'EVT_PDU_RECV', 'EVT_PDU_SENT', 'EVT_REJECTED', 'EVT_RELEASED', 'EVT_REQUESTED', 'EVT_SOP_COMMON',
    'EVT_SOP_EXTENDED', 'EVT_USER_ID']
issubclass(evt.NotificationEvent, tuple) and issubclass(evt.InterventionEvent, tuple)  =>  True
evt.EVT_C_ECHO in {evt.EVT_C_ECHO: 1}  =>  True
isinstance(evt.EVT_C_STORE.description, str) and bool(evt.EVT_C_STORE.description)  =>  True
evt.Event is events.Event  =>  True
evt.get_default_handler(evt.EVT_C_ECHO)(None)  =>  0
evt.get_default_handler(evt.EVT_SOP_EXTENDED)(None)  =>  {}
evt.get_default_handler(evt.EVT_SOP_COMMON)(None)  =>  {}
bound(evt.EVT_PDU_RECV)  =>  []
bound(evt.EVT_PDU_RECV, (one,)) == [(one, None)]  =>  True
bound(evt.EVT_PDU_RECV, (one,), (two, [1, 2])) == [(one, None), (two, [1, 2])]  =>  True
bound(evt.EVT_PDU_RECV, (one,), (one,)) == [(one, None)]  =>  True
bound(evt.EVT_PDU_RECV, (one, [1]), (one, [1])) == [(one, [1])]  =>  True
bound(evt.EVT_C_STORE) == (evt.get_default_handler(evt.EVT_C_STORE), None)  =>  True
bound(evt.EVT_C_STORE, (one,)) == (one, None)  =>  True
bound(evt.EVT_C_STORE, (one,), (two, [1])) == (two, [1])  =>  True
unbound(evt.EVT_DATA_RECV, one) == [(two, None)]  =>  True
unbound(evt.EVT_DATA_RECV, one, two)  =>  []
unbound(evt.EVT_C_STORE, two) == (evt.get_default_handler(evt.EVT_C_STORE), None)  =>  True
unbound(evt.EVT_C_STORE, one) == (two, None)  =>  True
new().unbind(evt.EVT_PDU_RECV, one)  =>  None
new().unbind(evt.EVT_C_STORE, one)  =>  None
evt.EVT_DATA_RECV in new().get_events()  =>  False
evt.EVT_C_STORE in new().get_events()  =>  True
type(new().get_events()), len([e for e in new().get_events() if e.is_intervention])  =>  (<class 'list'>, 15)
new().get_events() == sorted(new().get_events(), key=lambda event: event.name)  =>  True
event(evt.EVT_C_ECHO).event == evt.EVT_C_ECHO, event(evt.EVT_C_ECHO).assoc  =>  (True, None)
type(event(evt.EVT_C_ECHO).timestamp).__name__  =>  'datetime'
event(evt.EVT_CONN_OPEN, address=('a', 1)).address  =>  ('a', 1)
event(evt.EVT_DATA_RECV, data=b'1').data  =>  b'1'
event(evt.EVT_C_ECHO).dataset  =>  AttributeError
event(evt.EVT_C_ECHO).identifier  =>  AttributeError
event(evt.EVT_C_ECHO).move_destination  =>  AttributeError
event(evt.EVT_C_ECHO).action_type  =>  AttributeError
event(evt.EVT_C_ECHO).file_meta  =>  AttributeError
event(evt.EVT_C_ECHO).data  =>  AttributeError
event(evt.EVT_C_ECHO).pdu  =>  AttributeError
event(evt.EVT_C_ECHO).address  =>  AttributeError
event(evt.EVT_C_STORE).identifier  =>  AttributeError
event(evt.EVT_C_STORE).move_destination  =>  AttributeError
event(evt.EVT_C_STORE).attribute_list  =>  AttributeError
event(evt.EVT_C_STORE).event_type  =>  AttributeError
event(evt.EVT_C_FIND).dataset  =>  AttributeError
event(evt.EVT_C_FIND).move_destination  =>  AttributeError
event(evt.EVT_C_FIND).attribute_list  =>  AttributeError
event(evt.EVT_N_GET).dataset  =>  AttributeError
event(evt.EVT_N_GET).action_information  =>  AttributeError
event(evt.EVT_N_GET).modification_list  =>  AttributeError
event(evt.EVT_N_SET).attribute_list  =>  AttributeError
event(evt.EVT_N_SET).action_information  =>  AttributeError
event(evt.EVT_N_DELETE).attribute_list  =>  AttributeError
event(evt.EVT_N_DELETE).modification_list  =>  AttributeError
event(evt.EVT_N_ACTION).event_type  =>  AttributeError
event(evt.EVT_N_ACTION).event_information  =>  AttributeError
event(evt.EVT_PDU_RECV).message  =>  AttributeError
event(evt.EVT_PDU_RECV).primitive  =>  AttributeError
event(evt.EVT_PDU_RECV).current_state  =>  AttributeError
event(evt.EVT_PDU_RECV).message_id  =>  AttributeError
event(evt.EVT_PDU_RECV).request  =>  AttributeError
event(evt.EVT_PDU_RECV).context  =>  AttributeError
event(evt.EVT_FSM_TRANSITION).pdu  =>  AttributeError
event(evt.EVT_FSM_TRANSITION).message  =>  AttributeError
event(evt.EVT_USER_ID).app_info  =>  AttributeError
event(evt.EVT_USER_ID).items  =>  AttributeError
event(evt.EVT_USER_ID).invoked  =>  AttributeError
event(evt.EVT_C_ECHO).encoded_dataset()  =>  AttributeError
evt.trigger(new(), evt.EVT_C_ECHO)  =>  0
evt.trigger(new(), evt.EVT_PDU_RECV)  =>  None
triggered(evt.EVT_CONN_OPEN, {'address': ('a', 1)}).address  =>  ('a', 1)
"""

CONTEXTS = r"""
build_context('1.2.840.10008.1.1').abstract_syntax  =>  '1.2.840.10008.1.1'
type(build_context('1.3').abstract_syntax).__name__, type(build_context('1.3').transfer_syntax[0]).__name__
    =>  ('UID', 'UID')
syntaxes(build_context('1.3')) == DEFAULT_TRANSFER_SYNTAXES  =>  True
syntaxes(build_context('1.3', '1.9')), syntaxes(build_context('1.3', ['1.9', '1.8']))  =>  (['1.9'], ['1.9', '1.8'])
build_context('1.3').context_id, build_context('1.3').result, build_context('1.3').status  =>  (None, None, 'Pending')
build_context(1)  =>  TypeError
build_context('1.3', 1)  =>  TypeError
build_context('1' * 65)  =>  ValueError
context().context_id, context().abstract_syntax, context().transfer_syntax, context().result
    =>  (None, None, [], None)
context().scu_role, context().scp_role, context().as_scu, context().as_scp  =>  (None, None, None, None)
assigned(context(), context_id=1)  =>  1
assigned(context(), context_id=255)  =>  255
assigned(context(), context_id=None)  =>  None
assigned(context(), context_id=0)  =>  ValueError
assigned(context(), context_id=2)  =>  ValueError
assigned(context(), context_id=-1)  =>  ValueError
assigned(context(), context_id=257)  =>  ValueError
assigned(context(), abstract_syntax='1.3')  =>  '1.3'
assigned(context(), abstract_syntax=b'1.3')  =>  '1.3'
assigned(context(), abstract_syntax=UID('1.3'))  =>  '1.3'
assigned(context(), abstract_syntax=1)  =>  TypeError
assigned(context(), abstract_syntax=[])  =>  TypeError
assigned(context(), abstract_syntax='1' * 65)  =>  ValueError
[str(u) for u in assigned(context(), transfer_syntax=['1.9'])]  =>  ['1.9']
[str(u) for u in assigned(context(), transfer_syntax=['1.9', b'1.8', UID('1.7')])]  =>  ['1.9', '1.8', '1.7']
[str(u) for u in assigned(context(), transfer_syntax=['1.9', '1.9'])]  =>  ['1.9']
[str(u) for u in assigned(context(), transfer_syntax=[])]  =>  []
[str(u) for u in assigned(context(), transfer_syntax='1.9')]  =>  TypeError
[str(u) for u in assigned(context(), transfer_syntax=('1.9',))]  =>  TypeError
[str(u) for u in assigned(context(), transfer_syntax=None)]  =>  TypeError
added('1.9', b'1.8', UID('1.7'), '1.9')  =>  ['1.9', '1.8', '1.7']
added(None)  =>  []
added('1' * 65)  =>  ValueError
assigned(context(), scu_role=True)  =>  True
assigned(context(), scu_role=False)  =>  False
assigned(context(), scu_role=None)  =>  None
assigned(context(), scu_role=1)  =>  TypeError
assigned(context(), scu_role='a')  =>  TypeError
assigned(context(), scp_role=True)  =>  True
assigned(context(), scp_role=False)  =>  False
assigned(context(), scp_role=None)  =>  None
assigned(context(), scp_role=1)  =>  TypeError
assigned(context(), scp_role='a')  =>  TypeError
(lambda c: (assigned(c, result=None), c.status))(context())[1]  =>  'Pending'
(lambda c: (assigned(c, result=0), c.status))(context())[1]  =>  'Accepted'
(lambda c: (assigned(c, result=1), c.status))(context())[1]  =>  'User Rejected'
(lambda c: (assigned(c, result=2), c.status))(context())[1]  =>  'Provider Rejected'
(lambda c: (assigned(c, result=3), c.status))(context())[1]  =>  'Abstract Syntax Not Supported'
(lambda c: (assigned(c, result=4), c.status))(context())[1]  =>  'Transfer Syntax(es) Not Supported'
(lambda c: (assigned(c, result=5), c.status))(context())[1]  =>  'Unknown'
tuple(numbered().as_tuple), numbered().as_tuple._fields
    =>  ((3, '1.3', '1.9'), ('context_id', 'abstract_syntax', 'transfer_syntax'))
type(numbered().as_tuple).__name__  =>  'PresentationContextTuple'
build_context('1.3') == build_context('1.3'), build_context('1.3') != build_context('1.4')  =>  (True, True)
build_context('1.3') == build_context('1.3', '1.9'), numbered() == build_context('1.3', '1.9')  =>  (False, False)
build_context('1.3') == 'a', build_context('1.3') != 'a'  =>  (False, True)
build_context('1.3') in [build_context('1.3')]  =>  True
isinstance(hash(build_context('1.3')), int)  =>  True
repr(build_context(sop_class.CTImageStorage)), repr(build_context('1.2.840.10008.1.1'))
    =>  ('CT Image Storage', 'Verification SOP Class')
'CT Image Storage' in str(build_context(sop_class.CTImageStorage))  =>  True
'Accepted' in (lambda c: (assigned(c, result=0), str(c)))(build_context('1.3'))[1]  =>  True
configured('ENFORCE_UID_CONFORMANCE', True, lambda: assigned(context(), abstract_syntax='abc'))  =>  ValueError
configured('ENFORCE_UID_CONFORMANCE', True, lambda: assigned(context(), abstract_syntax='1.2.3'))  =>  '1.2.3'
build_role('1.3').sop_class_uid, build_role('1.3').scu_role, build_role('1.3').scp_role  =>  ('1.3', False, False)
build_role('1.3', scu_role=True).scu_role, build_role('1.3', False, True).scp_role  =>  (True, True)
type(build_role('1.3')).__name__  =>  'SCP_SCU_RoleSelectionNegotiation'
build_role(1)  =>  TypeError
build_role('1.3', 1)  =>  TypeError
accepted(['1.9'], ['1.9'])  =>  (0, ['1.9'], False, True)
accepted(['1.9', '1.8'], ['1.8', '1.9'])  =>  (0, ['1.8'], False, True)
accepted(['1.9'], ['1.8'])[0]  =>  4
accepted(['1.9'], None)[0]  =>  3
accepted(['1.9'], ['1.9'], (True, False), (True, True))  =>  (0, ['1.9'], False, True)
accepted(['1.9'], ['1.9'], (False, True), (True, True))  =>  (0, ['1.9'], True, False)
accepted(['1.9'], ['1.9'], (True, True), (True, True))  =>  (0, ['1.9'], True, True)
accepted(['1.9'], ['1.9'], (True, True), (False, True))  =>  (0, ['1.9'], True, False)
accepted(['1.9'], ['1.9'], (True, True), (None, None))  =>  (0, ['1.9'], False, True)
accepted(['1.9'], ['1.9'], (False, True), (True, False))[0]  =>  1
accepted(['1.9'], ['1.9'], (True, True), (False, False))[0]  =>  1
[c.context_id for c in presentation.negotiate_as_acceptor(proposed('1.5', '1.3', '1.3'),
    [build_context('1.3')])[0]]  =>  [1, 3, 5]
[int(c.result) for c in presentation.negotiate_as_acceptor(
    proposed('1.5', '1.3', '1.3'), [build_context('1.3', '1.9')])[0]]  =>  [3, 0, 0]
presentation.negotiate_as_acceptor(proposed('1.3'), [build_context('1.3')])[1]  =>  []
presentation.negotiate_as_acceptor([], [])  =>  ([], [])
confirmed(0, '1.9')  =>  (0, ['1.9'], True, False)
confirmed(3, '1.9')[0]  =>  3
"""

SOP_CLASSES = r"""
sop_class.Verification  =>  '1.2.840.10008.1.1'
sop_class.CTImageStorage.name  =>  'CT Image Storage'
sop_class.NoSuchStorage  =>  AttributeError
sop_class.uid_to_sop_class('1.2.840.10008.1.1').service_class.__name__  =>  'VerificationServiceClass'
type(sop_class.uid_to_sop_class('1.3')).__name__, sop_class.uid_to_sop_class('1.3').service_class.__name__
    =>  ('SOPClass', 'ServiceClass')
sop_class.uid_to_service_class('1.2.840.10008.1.1').__name__  =>  'VerificationServiceClass'
sop_class.uid_to_service_class('1.2.840.10008.4.2').__name__  =>  'StorageServiceClass'
sop_class.uid_to_service_class('1.2.840.10008.5.1.4.34.6').__name__  =>  'UnifiedProcedureStepServiceClass'
sop_class.uid_to_service_class('1.3') is service_class.ServiceClass  =>  True
issubclass(service_class.NonPatientObjectStorageServiceClass, service_class.StorageServiceClass)  =>  True
register_uid('1.3', 'not a name', service_class.StorageServiceClass)  =>  ValueError
register_uid('1.3', 'class', service_class.StorageServiceClass)  =>  ValueError
register_uid('1.3', 'OurStorage', str)  =>  TypeError
register_uid('1.3', 'OurStorage', service_class.StorageServiceClass(None))  =>  TypeError
register_uid('1.3', 'OurQuery', service_class.QueryRetrieveServiceClass)  =>  ValueError
register_uid('1.3', 'OurQuery', service_class.QueryRetrieveServiceClass, 'C-STORE')  =>  ValueError
"""

STATUSES = r"""
type(status.code_to_status(0x0000)).__name__, status.code_to_status(0xA700).Status  =>  ('Dataset', 42752)
len(status.code_to_status(0x0000))  =>  1
{status.code_to_category(c) for c in [0]}  =>  {'Success'}
{status.code_to_category(c) for c in [0xFF00, 0xFF01]}  =>  {'Pending'}
{status.code_to_category(c) for c in [0xFE00]}  =>  {'Cancel'}
{status.code_to_category(c) for c in [0x0001, 0x0107, 0x0116, 0xB000, 0xBFFF, *range(0xB000, 0xC000)]}
    =>  {'Warning'}
{status.code_to_category(c) for c in [0x0105, 0x0106, *range(0x0110, 0x0116), 0x0117, 0x0118, 0x0119]}
    =>  {'Failure'}
{status.code_to_category(c) for c in [*range(0x0120, 0x0125), *range(0x0210, 0x0214), *range(0xA000, 0xB000),
    *range(0xC000, 0xD000)]}  =>  {'Failure'}
{status.code_to_category(c) for c in [0x0002, 0x0104, 0x0108, 0x010F, 0x011A, 0x0125, 0x0209, 0x0214, 0x9FFF,
    0xD000, 0xFDFF, 0xFF02, 0xFFFF]}  =>  {'Unknown'}
status.code_to_category(-1)  =>  ValueError
status.code_to_category('0')  =>  ValueError
status.code_to_category(0.5)  =>  ValueError
status.code_to_category(None)  =>  ValueError
status.code_to_status(-1)  =>  ValueError
status.code_to_status('0')  =>  ValueError
int(status.Status.SUCCESS), int(status.Status.CANCEL), int(status.Status.PENDING),
    int(status.Status.MOVE_DESTINATION_UNKNOWN)  =>  (0, 65024, 65280, 43009)
status.Status.SUCCESS == 0x0000, status.Status(0xFF00).name  =>  (True, 'PENDING')
status.STATUS_SUCCESS, status.STATUS_PENDING, status.STATUS_CANCEL, status.STATUS_WARNING,
    status.STATUS_FAILURE, status.STATUS_UNKNOWN
    =>  ('Success', 'Pending', 'Cancel', 'Warning', 'Failure', 'Unknown')
[f'{c:04X}' for c in sorted(status.GENERAL_STATUS)]
    =>  ['0000', '0105', '0106', '0107', '0110', '0111', '0112', '0113', '0114', '0115', '0116', '0117', '0118',
    '0119', '0120', '0121', '0122', '0123', '0124', '0210', '0211', '0212', '0213', 'FE00']
written(status.VERIFICATION_SERVICE_CLASS_STATUS)  =>  ''
written(status.STORAGE_SERVICE_CLASS_STATUS)  =>  'A700-A7FFF A900-A9FFF B000W B006-B007W C000-CFFFF'
written(status.NON_PATIENT_SERVICE_CLASS_STATUS)  =>  'A700F A900F C000F'
written(status.QR_FIND_SERVICE_CLASS_STATUS)  =>  'A700F A710F A900F B001W C000-CFFFF FF00-FF01P'
written(status.QR_GET_SERVICE_CLASS_STATUS)  =>  'A701-A702F A900F AA00-AA04F B000W C000-CFFFF FF00P'
written(status.QR_MOVE_SERVICE_CLASS_STATUS)  =>  'A701-A702F A801F A900F AA00-AA04F B000W C000-CFFFF FF00P'
written(status.MODALITY_WORKLIST_SERVICE_CLASS_STATUS)  =>  'A700F A900F C000-CFFFF FF00-FF01P'
written(status.SUBSTANCE_ADMINISTRATION_SERVICE_CLASS_STATUS)  =>  'A700F A900F C000-CFFFF FF00-FF01P'
written(status.RELEVANT_PATIENT_SERVICE_CLASS_STATUS)  =>  'A700F A900F C000F C100F C200F FF00P'
written(status.PROCEDURE_STEP_STATUS)  =>  '0001W'
written(status.PRINT_JOB_MANAGEMENT_SERVICE_CLASS_STATUS)  =>  'B600-B605W B609-B60AW C600-C603F C605F C613F C616F'
written(status.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS)
    =>  '0001W A700F A900F B300-B301W B304-B306W C000-CFFFF FF00-FF01P'
written(status.APPLICATION_EVENT_LOGGING_SERVICE_CLASS_STATUS)  =>  'B101-B102W B104W C101-C104F C10EF C110-C111F'
written(status.MEDIA_CREATION_MANAGEMENT_SERVICE_CLASS_STATUS)  =>  '0001W A510F C201-C203F'
written(status.RT_MACHINE_VERIFICATION_SERVICE_CLASS_STATUS)  =>  'C112F C221-C227F'
written(status.STORAGE_MANAGEMENT_SERVICE_CLASS_STATUS)  =>  'B010W'
written(status.STORAGE_COMMITMENT_SERVICE_CLASS_STATUS)  =>  ''
all(type(v) is tuple and len(v) == 2 for v in status.STORAGE_SERVICE_CLASS_STATUS.values())  =>  True
"""

ITEMS = r"""
sorted(n for n in dir(items) if n.endswith('Negotiation'))
    =>  ['AsynchronousOperationsWindowNegotiation', 'SCP_SCU_RoleSelectionNegotiation',
    'SOPClassCommonExtendedNegotiation', 'SOPClassExtendedNegotiation', 'UserIdentityNegotiation']
shape(items.AsynchronousOperationsWindowNegotiation)  =>  ''
shape(items.SCP_SCU_RoleSelectionNegotiation)  =>  ''
shape(items.SOPClassCommonExtendedNegotiation)  =>  ''
shape(items.SOPClassExtendedNegotiation)  =>  ''
shape(items.UserIdentityNegotiation)  =>  ''
(lambda i: (i.user_identity_type, i.primary_field, i.server_response,
    i.positive_response_requested))(items.UserIdentityNegotiation())  =>  (None, None, None, False)
assigned(items.UserIdentityNegotiation(), user_identity_type=1)  =>  1
assigned(items.UserIdentityNegotiation(), user_identity_type=2)  =>  2
assigned(items.UserIdentityNegotiation(), user_identity_type=3)  =>  3
assigned(items.UserIdentityNegotiation(), user_identity_type=4)  =>  4
assigned(items.UserIdentityNegotiation(), user_identity_type=5)  =>  5
assigned(items.UserIdentityNegotiation(), user_identity_type=None)  =>  None
assigned(items.UserIdentityNegotiation(), user_identity_type=0)  =>  ValueError
assigned(items.UserIdentityNegotiation(), user_identity_type=6)  =>  ValueError
assigned(items.UserIdentityNegotiation(), user_identity_type='1')  =>  TypeError
assigned(items.UserIdentityNegotiation(), user_identity_type=1.0)  =>  TypeError
assigned(items.UserIdentityNegotiation(), primary_field=b'a')  =>  b'a'
assigned(items.UserIdentityNegotiation(), primary_field=None)  =>  None
assigned(items.UserIdentityNegotiation(), primary_field='a')  =>  TypeError
assigned(items.UserIdentityNegotiation(), primary_field=1)  =>  TypeError
assigned(items.UserIdentityNegotiation(), secondary_field=b'a')  =>  b'a'
assigned(items.UserIdentityNegotiation(), secondary_field=None)  =>  None
assigned(items.UserIdentityNegotiation(), secondary_field='a')  =>  TypeError
assigned(items.UserIdentityNegotiation(), secondary_field=1)  =>  TypeError
assigned(items.UserIdentityNegotiation(), server_response=b'a')  =>  b'a'
assigned(items.UserIdentityNegotiation(), server_response=None)  =>  None
assigned(items.UserIdentityNegotiation(), server_response='a')  =>  TypeError
assigned(items.UserIdentityNegotiation(), server_response=1)  =>  TypeError
assigned(items.UserIdentityNegotiation(), positive_response_requested=True)  =>  True
assigned(items.UserIdentityNegotiation(), positive_response_requested=False)  =>  False
assigned(items.UserIdentityNegotiation(), positive_response_requested=1)  =>  TypeError
assigned(items.UserIdentityNegotiation(), positive_response_requested=None)  =>  TypeError
(lambda i: (i.sop_class_uid, i.scu_role, i.scp_role))(items.SCP_SCU_RoleSelectionNegotiation())
    =>  (None, None, None)
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scu_role=True)  =>  True
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scu_role=False)  =>  False
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scu_role=None)  =>  None
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scu_role=1)  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scu_role='a')  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scp_role=True)  =>  True
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scp_role=False)  =>  False
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scp_role=None)  =>  None
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scp_role=1)  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), scp_role='a')  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid='1.3')  =>  '1.3'
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=b'1.3')  =>  '1.3'
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=UID('1.3'))  =>  '1.3'
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=None)  =>  None
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=1)  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=[])  =>  TypeError
assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid='1' * 65)  =>  ValueError
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid='1.3')  =>  '1.3'
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid=b'1.3')  =>  '1.3'
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid=UID('1.3'))  =>  '1.3'
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid=None)  =>  None
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid=1)  =>  TypeError
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid=[])  =>  TypeError
assigned(items.SOPClassExtendedNegotiation(), sop_class_uid='1' * 65)  =>  ValueError
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid='1.3')  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid=b'1.3')  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid=UID('1.3'))  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid=None)  =>  None
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid=1)  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid=[])  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid='1' * 65)  =>  ValueError
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid='1.3')  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid=b'1.3')  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid=UID('1.3'))  =>  '1.3'
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid=None)  =>  None
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid=1)  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid=[])  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), service_class_uid='1' * 65)  =>  ValueError
type(assigned(items.SCP_SCU_RoleSelectionNegotiation(), sop_class_uid='1.3')).__name__  =>  'UID'
type(assigned(items.SOPClassExtendedNegotiation(), sop_class_uid='1.3')).__name__  =>  'UID'
type(assigned(items.SOPClassCommonExtendedNegotiation(), sop_class_uid='1.3')).__name__  =>  'UID'
items.SOPClassExtendedNegotiation().service_class_application_information  =>  None
assigned(items.SOPClassExtendedNegotiation(), service_class_application_information=b'\x01')  =>  b'\x01'
assigned(items.SOPClassExtendedNegotiation(), service_class_application_information=None)  =>  None
assigned(items.SOPClassExtendedNegotiation(), service_class_application_information='a')  =>  TypeError
assigned(items.SOPClassExtendedNegotiation(), service_class_application_information=1)  =>  TypeError
items.SOPClassCommonExtendedNegotiation().related_general_sop_class_identification  =>  []
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=['1.3', b'1.4',
    UID('1.5')])  =>  ['1.3', '1.4', '1.5']
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=[])  =>  []
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification='1.3')  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=[1])  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=('1.3',))  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=None)  =>  TypeError
assigned(items.SOPClassCommonExtendedNegotiation(), related_general_sop_class_identification=['1' * 65])
    =>  ValueError
(lambda i: (i.maximum_number_operations_invoked,
    i.maximum_number_operations_performed))(items.AsynchronousOperationsWindowNegotiation())  =>  (1, 1)
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked=0)  =>  0
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked=5)  =>  5
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked=-1)  =>  ValueError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked='1')  =>  TypeError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked=1.0)  =>  TypeError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_invoked=None)  =>  TypeError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed=0)  =>  0
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed=5)  =>  5
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed=-1)  =>  ValueError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed='1')  =>  TypeError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed=1.0)  =>  TypeError
assigned(items.AsynchronousOperationsWindowNegotiation(), maximum_number_operations_performed=None)  =>  TypeError
item(items.UserIdentityNegotiation, user_identity_type=1, primary_field=b'a') ==
    item(items.UserIdentityNegotiation, user_identity_type=1, primary_field=b'a')  =>  True
isinstance(str(identity), str)  =>  True
"""

OPTIONS = r"""
_config.LOG_HANDLER_LEVEL  =>  'standard'
_config.LOG_REQUEST_IDENTIFIERS  =>  True
_config.LOG_RESPONSE_IDENTIFIERS  =>  True
_config.ENFORCE_UID_CONFORMANCE  =>  False
_config.USE_SHORT_DIMSE_AET  =>  True
_config.STORE_SEND_CHUNKED_DATASET  =>  False
_config.STORE_RECV_CHUNKED_DATASET  =>  False
_config.UNRESTRICTED_STORAGE_SERVICE  =>  False
_config.PASS_CONTEXTVARS  =>  False
_config.CODECS  =>  ('ascii',)
_config.WINDOWS_TIMER_RESOLUTION  =>  1
_config.NO_SUCH_OPTION  =>  AttributeError
sorted(_config.VALIDATORS)  =>  ['AE', 'UI']
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['AE']('A'))  =>  (2, True, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['AE']('A' * 17))  =>  (2, False, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['AE']('A\\B'))  =>  (2, False, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['AE']('\u00dc'))  =>  (2, False, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['AE']('A\tB'))  =>  (2, False, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['UI']('1.2'))  =>  (2, True, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['UI']('1' * 64))  =>  (2, True, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['UI']('1' * 65))  =>  (2, False, 'str')
(lambda r: (len(r), r[0], type(r[1]).__name__))(_config.VALIDATORS['UI']('abc'))  =>  (2, True, 'str')
configured('ENFORCE_UID_CONFORMANCE', True, lambda: _config.VALIDATORS['UI']('abc')[0])  =>  False
configured('ENFORCE_UID_CONFORMANCE', True, lambda: _config.VALIDATORS['UI']('1.2.3')[0])  =>  True
"""

HELPERS = r"""
type(dsutils.encode(named(), True, True)).__name__  =>  'bytes'
dsutils.encode(named(), True, True)  =>  b'\x10\x00\x10\x00\x02\x00\x00\x00A '
dsutils.encode(named(), False, True)  =>  b'\x10\x00\x10\x00PN\x02\x00A '
dsutils.encode(named(), False, False)  =>  b'\x00\x10\x00\x10PN\x00\x02A '
dsutils.encode(Dataset(), True, True)  =>  b''
dsutils.encode(unwritable(), True, True)  =>  None
dsutils.decode(BytesIO(dsutils.encode(named(), True, True)), True, True).PatientName == 'A'  =>  True
dsutils.decode(BytesIO(dsutils.encode(named(), False, True)), False, True).PatientName == 'A'  =>  True
dsutils.decode(BytesIO(dsutils.encode(named(), False, False)), False, False).PatientName == 'A'  =>  True
dsutils.decode(BytesIO(dsutils.encode(named(), False, True, True)), False, True, True).PatientName == 'A'  =>  True
dsutils.decode(BytesIO(dsutils.encode(named(), False, True, deflated=True)), False, True,
    deflated=True).PatientName == 'A'  =>  True
len(dsutils.decode(BytesIO(b''), True, True))  =>  0
utils.decode_bytes(b'abc')  =>  'abc'
utils.decode_bytes(b'ab\xff')  =>  ValueError
configured('CODECS', ('utf8',), lambda: utils.decode_bytes(b'ab\xff'))  =>  ValueError
utils.validate_uid(UID('1.2')), utils.validate_uid(UID('1' * 64)), utils.validate_uid(UID('1' * 65, 0))
    =>  (True, True, False)
utils.set_uid('1.2', 'x'), type(utils.set_uid('1.2', 'x')).__name__  =>  ('1.2', 'UID')
utils.set_uid(b'1.2', 'x'), utils.set_uid(UID('1.2'), 'x'), utils.set_uid(None, 'x'), utils.set_uid('', 'x')
    =>  ('1.2', '1.2', None, '')
utils.set_uid('', 'x', allow_empty=False)  =>  ValueError
utils.set_uid(None, 'x', allow_none=False)  =>  TypeError
utils.set_uid(None, 'x', False, False)  =>  TypeError
utils.set_uid('1' * 65, 'x')  =>  ValueError
len(silenced(lambda: utils.set_uid('1' * 65, 'x', validate=False)))  =>  65
utils.set_uid(1, 'x')  =>  TypeError
utils.set_ae('A', 'x'), utils.set_ae(None, 'x'), utils.set_ae('', 'x')  =>  ('A', None, '')
utils.set_ae('', 'x', allow_empty=False)  =>  ValueError
utils.set_ae(None, 'x', allow_none=False)  =>  TypeError
utils.set_ae('A' * 17, 'x')  =>  ValueError
utils.set_ae(1, 'x')  =>  TypeError
utils.pretty_bytes(b'\x00\xff')  =>  ['  00  ff']
utils.pretty_bytes(b'\x00\xff', '', ' ', 1)  =>  ['00', 'ff']
utils.pretty_bytes(b'\x00\xff', suffix='!')  =>  ['  00  ff!']
utils.pretty_bytes(BytesIO(b'\x00\xff'))  =>  ['  00  ff']
len(utils.pretty_bytes(bytes(600), max_size=None))  =>  38
utils.make_target(one) is one  =>  True
logged(debug_logger)  =>  None
(debug_logger(), debug_logger(), [type(h).__name__ for h in logging.getLogger(root).handlers],
    logging.getLogger(root).level)[2:]  =>  (['StreamHandler'], 10)
said('a word', logging.WARNING)  =>  'W: a word\n'
said('a word', logging.DEBUG)  =>  'D: a word\n'
"""

ADDRESSES = r"""
(lambda a: (a.address, a.port, a.flowinfo, a.scope_id, a.as_tuple, a.is_ipv4, a.is_ipv6,
    a.address_family.name))(address('127.0.0.1', 104))
    =>  ('127.0.0.1', 104, 0, 0, ('127.0.0.1', 104), True, False, 'AF_INET')
(lambda a: (a.address, a.port, a.flowinfo, a.scope_id, a.as_tuple, a.is_ipv4, a.is_ipv6,
    a.address_family.name))(address('::1', 104, 1, 2))
    =>  ('::1', 104, 1, 2, ('::1', 104, 1, 2), False, True, 'AF_INET6')
address('::1', 104).as_tuple  =>  ('::1', 104, 0, 0)
address('localhost', 104).address in ('127.0.0.1', '::1')  =>  True
assigned(address('127.0.0.1', 104), address='localhost') in ('127.0.0.1', '::1')  =>  True
assigned(address('127.0.0.1', 104), port=105)  =>  105
assigned(address('::1', 104), flowinfo=3), assigned(address('::1', 104), scope_id=4)  =>  (3, 4)
address('127.0.0.1', 104).from_tuple(('127.0.0.1', 1)).as_tuple  =>  ('127.0.0.1', 1)
transport.AddressInformation.from_tuple(('::1', 1, 2, 3)).as_tuple  =>  ('::1', 1, 2, 3)
transport.AddressInformation.from_addr_port('127.0.0.1', 1).as_tuple  =>  ('127.0.0.1', 1)
transport.AddressInformation.from_addr_port(('::1', 2, 3), 1).as_tuple  =>  ('::1', 1, 2, 3)
address(addr='127.0.0.1', port=1, flowinfo=0, scope_id=0).port  =>  1
"""

SERVERS = r"""
isinstance(transport.RequestHandler, type)  =>  True
issubclass(transport.ThreadedAssociationServer, transport.AssociationServer)  =>  True
callable(getattr(transport.AssociationServer, 'serve_forever'))  =>  True
callable(getattr(transport.AssociationServer, 'shutdown'))  =>  True
callable(getattr(transport.AssociationServer, 'server_close'))  =>  True
callable(getattr(transport.AssociationServer, 'bind'))  =>  True
callable(getattr(transport.AssociationServer, 'unbind'))  =>  True
callable(getattr(transport.AssociationServer, 'get_events'))  =>  True
callable(getattr(transport.AssociationServer, 'get_handlers'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'serve_forever'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'shutdown'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'server_close'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'bind'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'unbind'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'get_events'))  =>  True
callable(getattr(transport.ThreadedAssociationServer, 'get_handlers'))  =>  True
callable(transport.RequestHandler.handle)  =>  True
served(lambda s: type(s).__name__)  =>  'AssociationServer'
served(lambda s: s.ae_title)  =>  'PYNETDICOM'
served(lambda s: s.ae_title, ae_title='OTHER')  =>  'OTHER'
silenced(lambda: served(lambda s: s.ae_title, ae_title=b'OTHER'))  =>  'OTHER'
warned(lambda: served(lambda s: 1, ae_title=b'OTHER'))  =>  ['DeprecationWarning']
served(lambda s: type(s.ae).__name__)  =>  'ApplicationEntity'
served(lambda s: [c.abstract_syntax for c in s.contexts])  =>  ['1.3']
served(lambda s: s.contexts[0] == build_context('1.4'), contexts=[build_context('1.4')])  =>  True
served(lambda s: s.ssl_context)  =>  None
served(lambda s: type(assigned(s, ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))).__name__)  =>  'SSLContext'
served(lambda s: assigned(s, ssl_context=None))  =>  None
served(lambda s: s.active_associations)  =>  []
served(lambda s: type(s.address_info).__name__)  =>  'AddressInformation'
served(lambda s: s.address_info.address)  =>  '127.0.0.1'
served(lambda s: s.socket.getsockname()[1] == s.server_address[1] > 0)  =>  True
served(lambda s: s.get_handlers(evt.EVT_C_STORE) == (evt.get_default_handler(evt.EVT_C_STORE), None))  =>  True
served(lambda s: s.get_handlers(evt.EVT_DATA_RECV))  =>  []
served(lambda s: (s.bind(evt.EVT_DATA_RECV, one, [1]), s.get_handlers(evt.EVT_DATA_RECV) == [(one, [1])])[1])
    =>  True
served(lambda s: (s.bind(evt.EVT_DATA_RECV, one), s.unbind(evt.EVT_DATA_RECV, one),
    s.get_handlers(evt.EVT_DATA_RECV))[2])  =>  []
served(lambda s: s.get_handlers(evt.EVT_C_FIND) == (one, None), evt_handlers=[(evt.EVT_C_FIND, one)])  =>  True
served(lambda s: len([e for e in s.get_events() if e.is_intervention]))  =>  15
served(lambda s: s.RequestHandlerClass is transport.RequestHandler)  =>  True
served(lambda s: s.RequestHandlerClass is Handler, request_handler=Handler)  =>  True
served(lambda s: type(s) is Server, server_class=Server)  =>  True
type(served(lambda s: s.serve_forever)).__name__  =>  'method'
configured('LOG_HANDLER_LEVEL', 'none', lambda: served(lambda s: s.get_handlers(evt.EVT_DIMSE_RECV)))  =>  []
len(served(lambda s: s.get_handlers(evt.EVT_DIMSE_RECV)))  =>  1
configured('LOG_HANDLER_LEVEL', 'none', lambda: bound(evt.EVT_ACSE_SENT))  =>  []
"""

# Where the original takes anything, or less than its documentation says.
STRICTER = r"""
Association(AE(), None)  =>  ValueError
added(1)  =>  TypeError
added([])  =>  TypeError
build_context('')  =>  ValueError
assigned(context(), abstract_syntax='')  =>  ValueError
assigned(context(), abstract_syntax=None)  =>  None
assigned(context(), transfer_syntax=[1])  =>  TypeError
done(lambda a: a.add_supported_context(''))  =>  ValueError
done(lambda a: a.add_requested_context(''))  =>  ValueError
served(lambda s: assigned(s, ssl_context='x'))  =>  TypeError
evt.get_default_handler(evt.EVT_USER_ID)(None)  =>  (True, None)
_config.VALIDATORS['AE'](' ')[0]  =>  False
utils.set_ae(' ', 'x')  =>  ValueError
silenced(lambda: utils.set_ae(b'A', 'x'))  =>  'A'
configured('CODECS', ('ascii', 'latin-1'), lambda: utils.decode_bytes(b'ab\xff') == 'ab\u00ff')  =>  True
"""

NOTIFICATION = [
    "EVT_ABORTED",
    "EVT_ACCEPTED",
    "EVT_ACSE_RECV",
    "EVT_ACSE_SENT",
    "EVT_CONN_CLOSE",
    "EVT_CONN_OPEN",
    "EVT_DATA_RECV",
    "EVT_DATA_SENT",
    "EVT_DIMSE_RECV",
    "EVT_DIMSE_SENT",
    "EVT_ESTABLISHED",
    "EVT_FSM_TRANSITION",
    "EVT_PDU_RECV",
    "EVT_PDU_SENT",
    "EVT_REJECTED",
    "EVT_RELEASED",
    "EVT_REQUESTED",
]
NEGOTIATION = ["EVT_ASYNC_OPS", "EVT_SOP_COMMON", "EVT_SOP_EXTENDED", "EVT_USER_ID"]
SERVICES = [
    "EVT_C_ECHO",
    "EVT_C_FIND",
    "EVT_C_GET",
    "EVT_C_MOVE",
    "EVT_C_STORE",
    "EVT_N_ACTION",
    "EVT_N_CREATE",
    "EVT_N_DELETE",
    "EVT_N_EVENT_REPORT",
    "EVT_N_GET",
    "EVT_N_SET",
]
PREBUILT = {
    "AllStorage": 170,
    "ApplicationEventLogging": 2,
    "BasicWorklistManagement": 1,
    "ColorPalette": 3,
    "DefinedProcedureProtocol": 3,
    "DisplaySystem": 1,
    "HangingProtocol": 3,
    "ImplantTemplate": 9,
    "InstanceAvailability": 1,
    "MediaCreationManagement": 1,
    "MediaStorage": 1,
    "ModalityPerformed": 3,
    "NonPatientObject": 9,
    "PrintManagement": 11,
    "ProcedureStep": 3,
    "ProtocolApproval": 3,
    "QueryRetrieve": 13,
    "RTMachineVerification": 2,
    "RelevantPatientInformation": 3,
    "Storage": 120,
    "StorageCommitment": 1,
    "SubstanceAdministration": 2,
    "UnifiedProcedure": 5,
    "Verification": 1,
}
SERVICE_CLASSES = {
    "VerificationServiceClass": "Verification",
    "NonPatientObjectStorageServiceClass": (
        "HangingProtocolStorage ColorPaletteStorage GenericImplantTemplateStorage ImplantAssemblyTemplateStorage "
        "ImplantTemplateGroupStorage CTDefinedProcedureProtocolStorage ProtocolApprovalStorage "
        "XADefinedProcedureProtocolStorage InventoryStorage"
    ),
    "QueryRetrieveServiceClass": (
        "PatientRootQueryRetrieveInformationModelFind PatientRootQueryRetrieveInformationModelMove "
        "PatientRootQueryRetrieveInformationModelGet StudyRootQueryRetrieveInformationModelFind "
        "StudyRootQueryRetrieveInformationModelMove StudyRootQueryRetrieveInformationModelGet "
        "PatientStudyOnlyQueryRetrieveInformationModelFind PatientStudyOnlyQueryRetrieveInformationModelMove "
        "PatientStudyOnlyQueryRetrieveInformationModelGet CompositeInstanceRootRetrieveMove "
        "CompositeInstanceRootRetrieveGet CompositeInstanceRetrieveWithoutBulkDataGet RepositoryQuery"
    ),
    "BasicWorklistManagementServiceClass": "ModalityWorklistInformationFind",
    "RelevantPatientInformationQueryServiceClass": (
        "GeneralRelevantPatientInformationQuery BreastImagingRelevantPatientInformationQuery "
        "CardiacRelevantPatientInformationQuery"
    ),
    "SubstanceAdministrationQueryServiceClass": "ProductCharacteristicsQuery SubstanceApprovalQuery",
    **{
        f"{kind}QueryRetrieveServiceClass": " ".join(
            f"{kind}InformationModel{verb}" for verb in ("Find", "Move", "Get")
        )
        for kind in ("HangingProtocol", "ColorPalette", "DefinedProcedureProtocol", "ProtocolApproval")
    },
    "ImplantTemplateQueryRetrieveServiceClass": " ".join(
        f"{kind}InformationModel{verb}"
        for kind in ("GenericImplantTemplate", "ImplantAssemblyTemplate", "ImplantTemplateGroup")
        for verb in ("Find", "Move", "Get")
    ),
    "InventoryQueryRetrieveServiceClass": "InventoryFind InventoryMove InventoryGet",
    "ProcedureStepServiceClass": (
        "ModalityPerformedProcedureStep ModalityPerformedProcedureStepRetrieve "
        "ModalityPerformedProcedureStepNotification"
    ),
    "PrintManagementServiceClass": (
        "BasicFilmSession BasicFilmBox BasicGrayscaleImageBox BasicColorImageBox BasicAnnotationBox PrintJob Printer "
        "PrinterConfigurationRetrieval PresentationLUT BasicGrayscalePrintManagementMeta BasicColorPrintManagementMeta"
    ),
    "StorageCommitmentServiceClass": "StorageCommitmentPushModel",
    "StorageManagementServiceClass": "InventoryCreation",
    "ApplicationEventLoggingServiceClass": "ProceduralEventLogging SubstanceAdministrationLogging",
    "InstanceAvailabilityNotificationServiceClass": "InstanceAvailabilityNotification",
    "MediaCreationManagementServiceClass": "MediaCreationManagement",
    "DisplaySystemManagementServiceClass": "DisplaySystem",
    "RTMachineVerificationServiceClass": "RTConventionalMachineVerification RTIonMachineVerification",
    "UnifiedProcedureStepServiceClass": " ".join(
        f"UnifiedProcedureStep{kind}" for kind in ("Push", "Watch", "Pull", "Event", "Query")
    ),
    "ServiceClass": "MediaStorageDirectoryStorage",
}
NAMED_OTHERWISE = {
    "PseudoColorSoftcopyPresentationStageStorage": "1.2.840.10008.5.1.4.1.1.11.3",
    "VariableModalityLUTSoftcopyPresentationStageStorage": "1.2.840.10008.5.1.4.1.1.11.12",
    "OphthlamicOpticalCoherenceTomographyBscanVolumeAnalysisStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.8",
    "RoboticArmRadiationRecordStorage": "1.2.840.10008.5.1.4.1.1.481.20",
    "RTBrachyApplicationSetupDeliveryInstructionsStorage": "1.2.840.10008.5.1.4.34.10",
    "WaveformPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.9.100.1",
    "WaveformAcquisitionPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.9.100.2",
    "LabelMapSegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.7",
    "HeightMapSegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.8",
    "ModalityWorklistInformationFind": "1.2.840.10008.5.1.4.31",
    "ColorPaletteInformationModelFind": "1.2.840.10008.5.1.4.39.2",
    "ColorPaletteInformationModelMove": "1.2.840.10008.5.1.4.39.3",
    "ColorPaletteInformationModelGet": "1.2.840.10008.5.1.4.39.4",
}
PRIMITIVES = {
    "C_ECHO": "",
    "C_STORE": "AffectedSOPInstanceUID Priority DataSet MoveOriginatorApplicationEntityTitle MoveOriginatorMessageID",
    "C_FIND": "Priority Identifier",
    "C_GET": "Priority Identifier NumberOfRemainingSuboperations NumberOfCompletedSuboperations "
    "NumberOfFailedSuboperations NumberOfWarningSuboperations",
    "C_MOVE": "Priority Identifier MoveDestination NumberOfRemainingSuboperations NumberOfCompletedSuboperations "
    "NumberOfFailedSuboperations NumberOfWarningSuboperations",
    "N_EVENT_REPORT": "AffectedSOPInstanceUID EventTypeID EventInformation EventReply",
    "N_GET": "RequestedSOPClassUID RequestedSOPInstanceUID AttributeIdentifierList AttributeList",
    "N_SET": "RequestedSOPClassUID RequestedSOPInstanceUID ModificationList AttributeList",
    "N_ACTION": "RequestedSOPClassUID RequestedSOPInstanceUID ActionTypeID ActionInformation ActionReply",
    "N_CREATE": "AffectedSOPInstanceUID AttributeList",
    "N_DELETE": "RequestedSOPClassUID RequestedSOPInstanceUID",
}
# ------------------------------------------------------------------- facts of a conversation
ESTABLISHED = r"""
assoc.is_established, assoc.is_released, assoc.is_aborted, assoc.is_rejected  =>  (True, False, False, False)
peer.is_established, peer.is_released, peer.is_aborted, peer.is_rejected  =>  (True, False, False, False)
assoc.is_alive(), peer.is_alive()  =>  (True, True)
assoc in ae.active_associations, peer in server.active_associations  =>  (True, True)
peer in host.active_associations, assoc in host.active_associations  =>  (True, False)
[c.context_id for c in assoc.accepted_contexts] == list(range(1, 2 * len(assoc.accepted_contexts), 2))  =>  True
{len(c.transfer_syntax) for c in assoc.accepted_contexts + peer.accepted_contexts}  =>  {1}
{c.result for c in assoc.accepted_contexts + peer.accepted_contexts} == {0}  =>  True
[(c.context_id, c.result) for c in assoc.rejected_contexts]  =>  [(15, 3)]
assoc.rejected_contexts[0].status  =>  'Abstract Syntax Not Supported'
[(c.context_id, c.result) for c in peer.rejected_contexts]  =>  [(15, 3)]
assoc.accepted_contexts[0].as_scu, assoc.accepted_contexts[0].as_scp  =>  (True, False)
peer.accepted_contexts[0].as_scu, peer.accepted_contexts[0].as_scp  =>  (False, True)
assoc.accepted_contexts[1].as_scu, assoc.accepted_contexts[1].as_scp  =>  (True, True)
peer.accepted_contexts[1].as_scu, peer.accepted_contexts[1].as_scp  =>  (True, True)
{c.context_id for c in ae.requested_contexts}  =>  {None}
sorted(assoc.local)  =>  ['address', 'ae_title', 'mode', 'pdv_size', 'port']
sorted(assoc.remote)  =>  ['address', 'ae_title', 'mode', 'pdv_size', 'port']
assoc.remote['ae_title'], assoc.remote['address'], assoc.remote['mode']  =>  ('SERVER', '127.0.0.1', 'acceptor')
assoc.local['ae_title'], assoc.local['address'], assoc.local['mode']  =>  ('CLIENT', '127.0.0.1', 'requestor')
peer.remote['ae_title'], peer.remote['address'], peer.remote['mode']  =>  ('CLIENT', '127.0.0.1', 'requestor')
peer.local['ae_title'], peer.local['address'], peer.local['mode']  =>  ('SERVER', '127.0.0.1', 'acceptor')
assoc.remote['port'] == server.server_address[1] == assoc.acceptor.port == peer.acceptor.port  =>  True
assoc.local['port'] == peer.remote['port'] == assoc.requestor.port  =>  True
assoc.local['pdv_size'], assoc.remote['pdv_size'], peer.remote['pdv_size']  =>  (20000, 16382, 20000)
assoc.requestor.maximum_length, assoc.acceptor.maximum_length  =>  (20000, 16382)
assoc.acceptor.implementation_class_uid == PYNETDICOM_IMPLEMENTATION_UID  =>  True
assoc.acceptor.implementation_version_name == PYNETDICOM_IMPLEMENTATION_VERSION  =>  True
peer.requestor.implementation_class_uid, peer.requestor.implementation_version_name  =>  ('1.2.3.4', 'CLIENT_1')
[u.writeable for a in (assoc, peer) for u in (a.requestor, a.acceptor)]  =>  [False, False, False, False]
assigned(assoc.requestor, maximum_length=1)  =>  RuntimeError
assigned(assoc.requestor, implementation_class_uid='1.2')  =>  RuntimeError
assigned(assoc.requestor, implementation_version_name='A')  =>  RuntimeError
assigned(assoc.requestor, requested_contexts=[build_context('1.3')])  =>  RuntimeError
assigned(peer.acceptor, supported_contexts=[build_context('1.3')])  =>  RuntimeError
assoc.requestor.add_negotiation_item(window)  =>  RuntimeError
assoc.requestor.remove_negotiation_item(window)  =>  RuntimeError
assoc.requestor.reset_negotiation_items()  =>  RuntimeError
len(assoc.requestor.requested_contexts), len(peer.acceptor.supported_contexts)  =>  (8, 7)
len(assoc.requestor.get_contexts('requested')), len(peer.acceptor.get_contexts('supported'))  =>  (8, 7)
len(assoc.requestor.get_contexts('pcdl')), len(peer.requestor.get_contexts('pcdl'))  =>  (8, 8)
len(assoc.acceptor.get_contexts('pcdrl')), len(peer.acceptor.get_contexts('pcdrl'))  =>  (8, 8)
assoc.acceptor.get_contexts('supported')  =>  ValueError
peer.requestor.get_contexts('requested')  =>  ValueError
assoc.requestor.get_contexts('pcdrl')  =>  ValueError
sorted(assoc.requestor.role_selection) == [sop_class.CTImageStorage]  =>  True
(lambda r: (r.scu_role, r.scp_role))(peer.requestor.role_selection[sop_class.CTImageStorage])  =>  (True, True)
(lambda r: (r.scu_role, r.scp_role))(assoc.acceptor.role_selection[sop_class.CTImageStorage])  =>  (True, True)
peer.requestor.sop_class_extended  =>  {'1.3': b'\x01'}
assoc.acceptor.sop_class_extended  =>  {'1.3': b'\x02'}
sorted(peer.requestor.sop_class_common_extended)  =>  ['1.3']
peer.acceptor.accepted_common_extended  =>  {'1.3': ('1.4', ['1.5'])}
assoc.requestor.accepted_common_extended  =>  RuntimeError
peer.requestor.asynchronous_operations, assoc.requestor.asynchronous_operations  =>  ((3, 4), (3, 4))
assoc.acceptor.asynchronous_operations  =>  (1, 1)
peer.requestor.user_identity.user_identity_type, peer.requestor.user_identity.primary_field  =>  (3, b'ticket')
assoc.acceptor.user_identity.server_response  =>  b'answer'
len(assoc.requestor.user_information) == len(assoc.requestor.extended_negotiation) + 3  =>  True
sorted(type(i).__name__ for i in assoc.requestor.extended_negotiation)
    =>  ['AsynchronousOperationsWindowNegotiation', 'SCP_SCU_RoleSelectionNegotiation',
    'SOPClassCommonExtendedNegotiation', 'SOPClassExtendedNegotiation', 'UserIdentityNegotiation']
assoc.send_c_echo(-1)  =>  ValueError
assoc.send_c_echo(65536)  =>  ValueError
assoc.send_c_store(ct, priority=3)  =>  ValueError
assoc.send_c_store(ct, priority=-1)  =>  ValueError
assoc.send_c_store(ct, msg_id=65536)  =>  ValueError
assoc.send_c_store(without('SOPClassUID'))  =>  AttributeError
assoc.send_c_store(without('SOPInstanceUID'))  =>  AttributeError
assoc.send_c_store(without('file_meta'))  =>  AttributeError
assoc.send_c_store(of_class('1.2.840.10008.5.1.4.1.1.4'))  =>  ValueError
assoc.send_c_store('/no/such/file')  =>  FileNotFoundError
assoc.send_c_find(unwritable(), '1.2.840.10008.5.1.4.1.2.2.1')  =>  ValueError
assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.1.1')  =>  ValueError
assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.2.1', priority=5)  =>  ValueError
assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.2.1', msg_id=-1)  =>  ValueError
assoc.send_c_get(named(), '1.2.840.10008.5.1.4.1.2.1.3')  =>  ValueError
assoc.send_c_move(named(), 'DEST', '1.2.840.10008.5.1.4.1.2.1.2')  =>  ValueError
assoc.send_c_move(named(), '', '1.2.840.10008.5.1.4.1.2.2.2')  =>  ValueError
assoc.send_c_move(named(), 'A' * 17, '1.2.840.10008.5.1.4.1.2.2.2')  =>  ValueError
assoc.send_c_move(named(), 1, '1.2.840.10008.5.1.4.1.2.2.2')  =>  TypeError
assoc.send_c_cancel(1)  =>  ValueError
assoc.send_c_cancel(1, query_model='1.2.840.10008.5.1.4.1.2.1.1')  =>  ValueError
assoc.send_n_get([], '1.2.840.10008.5.1.1.16', '1.9')  =>  ValueError
assoc.send_n_get([], '1.2.840.10008.5.1.1.1', '1.9', meta_uid='1.2.840.10008.5.1.1.9')  =>  ValueError
assoc.send_n_set(unwritable(), '1.2.840.10008.5.1.1.1', '1.9')  =>  ValueError
assoc.send_n_create(unwritable(), '1.2.840.10008.5.1.1.1', '1.9')  =>  ValueError
assoc.send_n_action(unwritable(), 1, '1.2.840.10008.5.1.1.1', '1.9')  =>  ValueError
assoc.send_n_event_report(unwritable(), 1, '1.2.840.10008.5.1.1.1', '1.9')  =>  ValueError
assoc.send_n_delete('1.2.840.10008.5.1.1.16', '1.9')  =>  ValueError
assoc.send_n_delete('1.2.840.10008.5.1.1.1', '1.9', msg_id=70000)  =>  ValueError
type(assoc.send_c_echo()).__name__, assoc.send_c_echo(7).Status  =>  ('Dataset', 0)
assoc.send_c_store(ct, 8, 1, 'ORIGIN', 9).Status, type(assoc.send_c_store(ct)).__name__  =>  (0, 'Dataset')
[(s.Status, i and i.PatientName) for s, i in assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.2.1')]
    =>  [(65280, 'A'), (0, None)]
{type(pair) for pair in assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.2.1', 9, 0)}  =>  {<class 'tuple'>}
[(s.Status, s.NumberOfCompletedSuboperations, i) for s, i in assoc.send_c_get(named(),
    '1.2.840.10008.5.1.4.1.2.2.3')]  =>  [(65280, 1, None), (0, 1, None)]
[(s.Status, i) for s, i in assoc.send_c_move(named(), 'DEST', '1.2.840.10008.5.1.4.1.2.2.2')]  =>  [(43009, )]
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_get([0x00100010, (0x0010, 0x0020)],
    '1.2.840.10008.5.1.1.1', '1.9'))  =>  (0, 'A')
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_set(named(), '1.2.840.10008.5.1.1.1', '1.9'))  =>  (0, 'A')
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_action(named(), 3, '1.2.840.10008.5.1.1.1', '1.9'))
    =>  (0, 'A')
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_create(named(), '1.2.840.10008.5.1.1.1', '1.9'))  =>  (0, 'A')
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_event_report(named(), 2, '1.2.840.10008.5.1.1.1', '1.9'))
    =>  (0, 'A')
(lambda s, d: (s.Status, d.PatientName))(*assoc.send_n_action(None, 3, '1.2.840.10008.5.1.1.1', '1.9'))  =>  (0, 'A')
assoc.send_n_delete('1.2.840.10008.5.1.1.1', '1.9').Status  =>  0
assoc.send_c_cancel(1, 5), assoc.send_c_cancel(1, query_model='1.2.840.10008.5.1.4.1.2.2.1')  =>  (None, None)
(server.bind(evt.EVT_DATA_RECV, one), (one, None) in peer.get_handlers(evt.EVT_DATA_RECV),
    assoc.get_handlers(evt.EVT_DATA_RECV))[1:]  =>  (True, [])
(server.unbind(evt.EVT_DATA_RECV, one), (one, None) in peer.get_handlers(evt.EVT_DATA_RECV))[1]  =>  False
(server.bind(evt.EVT_C_ECHO, answers, [1]), peer.get_handlers(evt.EVT_C_ECHO) == (answers, [1]))[1]  =>  True
(setattr(ae, 'dimse_timeout', 11), setattr(host, 'dimse_timeout', 11), assoc.dimse_timeout,
    peer.dimse_timeout)[2:]  =>  (11, 11)
(setattr(ae, 'acse_timeout', 12), setattr(host, 'acse_timeout', 12), assoc.acse_timeout, peer.acse_timeout)[2:]
    =>  (12, 12)
(setattr(ae, 'network_timeout', 13), setattr(host, 'network_timeout', 13), assoc.network_timeout,
    peer.network_timeout)[2:]  =>  (13, 13)
isinstance(str(ae), str)  =>  True
"""

OVER = r"""
assoc.release()  =>  None
(assoc.is_established, assoc.is_released, assoc.is_aborted, assoc.is_rejected)  =>  (False, True, False, False)
(peer.join(5), peer.is_established, peer.is_released, peer.is_aborted)[1:]  =>  (False, True, False)
assoc.release(), assoc.abort(), assoc.is_released, assoc.is_aborted  =>  (None, None, True, False)
(assoc.join(5), assoc.is_alive())[1]  =>  False
assoc.send_c_echo()  =>  RuntimeError
assoc.send_c_find(named(), '1.2.840.10008.5.1.4.1.2.2.1')  =>  RuntimeError
assoc.send_n_delete('1.2.840.10008.5.1.1.1', '1.9')  =>  RuntimeError
len(assoc.accepted_contexts)  =>  7
(lambda a: (a.abort(), a.is_established, a.is_aborted, a.is_released, a.release(), a.is_released)[1:])(again())
    =>  (False, True, False, None, False)
(lambda a: (a.abort(block=False), a.join(5), a.is_aborted)[2])(again())  =>  True
(lambda a: (a.is_rejected, a.is_aborted, a.is_established))(again(called='WRONG'))  =>  (True, False, False)
(lambda a: (a.is_rejected, a.is_aborted, a.is_established))(again(contexts=[build_context('1.77')]))
    =>  (False, True, False)
(lambda a: (a.is_rejected, a.is_aborted, a.is_established))(nobody())  =>  (False, True, False)
[c.context_id for c in given]  =>  [None]
(ae.shutdown(), host.shutdown(), ae.active_associations, server.active_associations)[2:]  =>  ([], [])
"""

ASKED = {
    "EVT_C_ECHO": r"""
event.message_id, event.request.MessageID  =>  (1, 1)
event.assoc is peer, event.event == evt.EVT_C_ECHO, type(event.timestamp).__name__  =>  (True, True, 'datetime')
event.request.msg_type, event.request.is_valid_request, event.request.is_valid_response  =>  ('C-ECHO', True, False)
event.request.MessageIDBeingRespondedTo, event.request.Status  =>  (None, None)
isinstance(event.request, dimse_primitives.C_ECHO)  =>  True
event.request.AffectedSOPClassUID, type(event.request.AffectedSOPClassUID).__name__  =>  ('1.2.840.10008.1.1', 'UID')
tuple(event.context), event.context._fields
    =>  ((1, '1.2.840.10008.1.1', '1.2.840.10008.1.2'), ('context_id', 'abstract_syntax', 'transfer_syntax'))
type(event.context.abstract_syntax).__name__, type(event.context.transfer_syntax).__name__  =>  ('UID', 'UID')
event.context.transfer_syntax.is_implicit_VR  =>  True
event.dataset  =>  AttributeError
event.identifier  =>  AttributeError
""",
    "EVT_C_STORE": r"""
isinstance(event.request, dimse_primitives.C_STORE), event.request.msg_type  =>  (True, 'C-STORE')
event.request.Priority, event.request.AffectedSOPInstanceUID,
    type(event.request.AffectedSOPInstanceUID).__name__  =>  (1, '1.9', 'UID')
event.request.MoveOriginatorApplicationEntityTitle, event.request.MoveOriginatorMessageID  =>  ('ORIGIN', 9)
type(event.request.DataSet).__name__, event.request.DataSet.getvalue() ==
    event.encoded_dataset(include_meta=False)  =>  ('BytesIO', True)
event.dataset.PatientName, event.dataset is event.dataset  =>  ('A', True)
type(event.file_meta).__name__  =>  'FileMetaDataset'
event.file_meta.TransferSyntaxUID, event.file_meta.MediaStorageSOPClassUID,
    event.file_meta.MediaStorageSOPInstanceUID  =>  ('1.2.840.10008.1.2', '1.2.840.10008.5.1.4.1.1.2', '1.9')
event.file_meta.ImplementationClassUID == PYNETDICOM_IMPLEMENTATION_UID  =>  True
event.file_meta.ImplementationVersionName == PYNETDICOM_IMPLEMENTATION_VERSION  =>  True
event.file_meta.FileMetaInformationGroupLength  =>  0
event.file_meta.FileMetaInformationVersion  =>  b'\x00\x01'
event.dataset_path  =>  None
event.encoded_dataset()[:132] == bytes(128) + b'DICM'  =>  True
event.encoded_dataset().endswith(event.encoded_dataset(False))  =>  True
event.identifier  =>  AttributeError
event.is_cancelled  =>  False
""",
    "EVT_C_FIND": r"""
isinstance(event.request, dimse_primitives.C_FIND), event.request.msg_type  =>  (True, 'C-FIND')
event.identifier.PatientName, event.identifier is event.identifier  =>  ('A', True)
event.is_cancelled, event.request.Priority, type(event.request.Identifier).__name__  =>  (False, 2, 'BytesIO')
event.dataset  =>  AttributeError
event.move_destination  =>  AttributeError
""",
    "EVT_C_GET": r"""
isinstance(event.request, dimse_primitives.C_GET), event.request.msg_type  =>  (True, 'C-GET')
event.identifier.PatientName, event.is_cancelled  =>  ('A', False)
event.request.NumberOfRemainingSuboperations  =>  None
""",
    "EVT_C_MOVE": r"""
isinstance(event.request, dimse_primitives.C_MOVE), event.request.msg_type  =>  (True, 'C-MOVE')
event.identifier.PatientName, event.move_destination, event.request.MoveDestination  =>  ('A', 'DEST', 'DEST')
type(event.move_destination).__name__  =>  'str'
""",
    "EVT_N_GET": r"""
isinstance(event.request, dimse_primitives.N_GET), event.request.msg_type  =>  (True, 'N-GET')
event.attribute_identifiers  =>  [(0010,0010), (0010,0020)]
type(event.attribute_identifiers[0]).__name__  =>  'BaseTag'
event.request.RequestedSOPClassUID, event.request.RequestedSOPInstanceUID  =>  ('1.2.840.10008.5.1.1.1', '1.9')
""",
    "EVT_N_SET": r"""
isinstance(event.request, dimse_primitives.N_SET), event.request.msg_type  =>  (True, 'N-SET')
event.modification_list.PatientName, type(event.request.ModificationList).__name__  =>  ('A', 'BytesIO')
""",
    "EVT_N_ACTION": r"""
isinstance(event.request, dimse_primitives.N_ACTION), event.request.msg_type  =>  (True, 'N-ACTION')
event.action_type, event.request.ActionTypeID  =>  (3, 3)
type(event.action_information).__name__  =>  'Dataset'
""",
    "EVT_N_CREATE": r"""
isinstance(event.request, dimse_primitives.N_CREATE), event.request.msg_type  =>  (True, 'N-CREATE')
type(event.attribute_list).__name__, event.request.AffectedSOPClassUID  =>  ('Dataset', '1.2.840.10008.5.1.1.1')
""",
    "EVT_N_EVENT_REPORT": r"""
isinstance(event.request, dimse_primitives.N_EVENT_REPORT), event.request.msg_type  =>  (True, 'N-EVENT-REPORT')
event.event_type, event.event_information.PatientName, event.request.EventTypeID  =>  (2, 'A', 2)
type(event.request.EventInformation).__name__  =>  'BytesIO'
""",
    "EVT_N_DELETE": r"""
isinstance(event.request, dimse_primitives.N_DELETE), event.request.msg_type  =>  (True, 'N-DELETE')
event.request.RequestedSOPInstanceUID  =>  '1.9'
event.attribute_list  =>  AttributeError
""",
    "EVT_ASYNC_OPS": r"""
event.nr_invoked, event.nr_performed  =>  (3, 4)
event.invoked, event.performed  =>  (3, 4)
event.app_info  =>  AttributeError
""",
    "EVT_SOP_EXTENDED": r"""
event.app_info  =>  {'1.3': b'\x01'}
event.items  =>  AttributeError
""",
    "EVT_SOP_COMMON": r"""
sorted(event.items), event.items['1.3'].service_class_uid  =>  (['1.3'], '1.4')
event.items['1.3'].related_general_sop_class_identification  =>  ['1.5']
""",
    "EVT_USER_ID": r"""
event.message_id  =>  AttributeError
""",
    "EVT_CONN_OPEN": r"""
len(event.address), type(event.address[0]).__name__, type(event.address[1]).__name__  =>  (2, 'str', 'int')
""",
    "EVT_CONN_CLOSE": r"""
len(event.address), type(event.address[0]).__name__, type(event.address[1]).__name__  =>  (2, 'str', 'int')
""",
    "EVT_FSM_TRANSITION": r"""
event.current_state, event.next_state, event.fsm_event, event.action  =>  ('Sta1', 'Sta2', 'Evt5', 'AE-5')
event.data  =>  AttributeError
""",
    "EVT_DATA_RECV": r"""
type(event.data).__name__, event.data[0]  =>  ('bytes', 1)
""",
    "EVT_DATA_SENT": r"""
type(event.data).__name__  =>  'bytes'
""",
    "EVT_PDU_RECV": r"""
type(event.pdu).__name__  =>  'A_ASSOCIATE_RQ'
""",
    "EVT_PDU_SENT": r"""
type(event.pdu).__name__  =>  'A_ASSOCIATE_AC'
""",
    "EVT_ACSE_RECV": r"""
type(event.primitive).__name__  =>  'A_ASSOCIATE'
""",
    "EVT_ACSE_SENT": r"""
type(event.primitive).__name__  =>  'A_ASSOCIATE'
""",
    "EVT_DIMSE_RECV": r"""
type(event.message).__name__  =>  'C_ECHO_RQ'
type(event.message.command_set).__name__, type(event.message.data_set).__name__  =>  ('Dataset', 'BytesIO')
""",
    "EVT_DIMSE_SENT": r"""
type(event.message).__name__  =>  'C_ECHO_RSP'
type(event.message.command_set).__name__, type(event.message.data_set).__name__  =>  ('Dataset', 'BytesIO')
""",
    "EVT_REQUESTED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_REQUESTED')
event.pdu  =>  AttributeError
""",
    "EVT_ACCEPTED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_ACCEPTED')
event.pdu  =>  AttributeError
""",
    "EVT_ESTABLISHED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_ESTABLISHED')
event.pdu  =>  AttributeError
""",
    "EVT_RELEASED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_RELEASED')
event.pdu  =>  AttributeError
""",
    "EVT_ABORTED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_ABORTED')
event.pdu  =>  AttributeError
""",
    "EVT_REJECTED": r"""
type(event.assoc).__name__, event.event.name  =>  ('Association', 'EVT_REJECTED')
event.pdu  =>  AttributeError
""",
}


def converse(root: str) -> dict[str, str]:
    """The answers to the facts above, from a conversation of an AE with itself."""
    names = names_of(root)
    x = SimpleNamespace(**names)
    answers: dict[str, str] = {}
    ae = x.AE("CLIENT")
    ae.implementation_class_uid, ae.implementation_version_name = "1.2.3.4", "CLIENT_1"
    host = x.AE("SERVER")
    query = "1.2.840.10008.5.1.4.1.2.2."
    printing = "1.2.840.10008.5.1.1.1"
    for uid in (x.sop_class.Verification, f"{query}1", f"{query}2", f"{query}3", printing, "1.3"):
        host.add_supported_context(uid, "1.2.840.10008.1.2")
    host.add_supported_context(x.sop_class.CTImageStorage, scu_role=True, scp_role=True)
    for uid in ("1.2.840.10008.1.1", CT, f"{query}1", f"{query}2", f"{query}3", printing, "1.3", "1.77"):
        ae.add_requested_context(uid)

    ct = Dataset()
    ct.SOPClassUID, ct.SOPInstanceUID, ct.PatientName = CT, "1.9", "A"
    ct.file_meta = FileMetaDataset()
    ct.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2")

    def without(name: str) -> Dataset:
        copy = deepcopy(ct)
        delattr(copy, name)
        return copy

    def of_class(uid: str) -> Dataset:
        copy = deepcopy(ct)
        copy.SOPClassUID = uid
        return copy

    def answering(event: Any, *args: Any) -> Any:
        ask(event)
        given: dict[str, Callable[[], Any]] = {
            "EVT_C_ECHO": lambda: 0x0000,
            "EVT_C_STORE": lambda: 0x0000,
            "EVT_C_FIND": lambda: iter([(0xFF00, x.named())]),
            "EVT_C_GET": lambda: iter([1, (0xFF00, ct)]),
            "EVT_C_MOVE": lambda: iter([(None, None)]),
            "EVT_N_DELETE": lambda: 0x0000,
            "EVT_ASYNC_OPS": lambda: (1, 1),
            "EVT_SOP_EXTENDED": lambda: {UID("1.3"): b"\x02"},
            "EVT_SOP_COMMON": lambda: event.items,
            "EVT_USER_ID": lambda: (True, b"answer"),
        }
        chosen = given.get(event.event.name)
        return chosen() if chosen else (0x0000, x.named())

    def generating(event: Any) -> Iterator[Any]:
        yield from answering(event)

    def ask(event: Any) -> None:
        seen = {**names, "event": event, "peer": event.assoc}
        for expression, _ in read(ASKED[event.event.name]):
            answers.setdefault(f"{event.event.name}: {expression}", answer(expression, seen))
        times[event.event.name] += 1

    times: Counter[str] = Counter()
    interventions = [
        (getattr(x.evt, n), generating if n in ("EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE") else answering)
        for n in (*NEGOTIATION, *SERVICES)
    ]
    server = host.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[*interventions, *[(getattr(x.evt, n), ask) for n in NOTIFICATION]]
    )
    host.require_called_aet = True
    port = server.server_address[1]
    identity = x.item(
        x.items.UserIdentityNegotiation,
        user_identity_type=3,
        primary_field=b"ticket",
        positive_response_requested=True,
    )
    role = x.build_role(CT, scu_role=True, scp_role=True)
    given = [x.build_context("1.3")]

    def again(called: str = "SERVER", contexts: Any = None) -> Any:
        return ae.associate("127.0.0.1", port, contexts or given, ae_title=called)

    def nobody() -> Any:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return ae.associate("127.0.0.1", probe.getsockname()[1], given)

    assoc = ae.associate(
        "127.0.0.1",
        port,
        ae_title="SERVER",
        max_pdu=20000,
        ext_neg=[role, identity, names["extended"], names["common"], names["window"]],
        evt_handlers=[(x.evt.EVT_C_STORE, lambda event: 0x0000)],
    )
    (peer,) = server.active_associations
    names |= {
        "again": again,
        "ae": ae,
        "answers": answering,
        "assoc": assoc,
        "ct": ct,
        "given": given,
        "host": host,
        "nobody": nobody,
        "of_class": of_class,
        "peer": peer,
        "server": server,
        "without": without,
    }
    try:
        for expression, _ in (*read(ESTABLISHED), *read(OVER)):
            answers[expression] = answer(expression, names)
    finally:
        host.shutdown()
        ae.shutdown()
    answers["times"] = repr(sorted(times))
    return answers


# ------------------------------------------------------------------- the tests
def read(text: str) -> list[Fact]:
    """The facts of a table."""
    rows: list[str] = []
    for line in text.splitlines():
        if line.startswith("    "):
            rows[-1] += " " + line.strip()
        elif line:
            rows.append(line)
    facts = [re.split(r"\s+=>\s+", row) for row in rows]
    assert all(len(fact) == 2 for fact in facts), [fact for fact in facts if len(fact) != 2]
    return [(expression, expected) for expression, expected in facts]


def of_events() -> Iterator[Fact]:
    fields = ("name", "description", "is_intervention", "is_notification")
    yield "sorted(n for n in dir(evt) if n.startswith('EVT_'))", repr(sorted([*NOTIFICATION, *NEGOTIATION, *SERVICES]))
    for name in (*NOTIFICATION, *NEGOTIATION, *SERVICES):
        kind = "NotificationEvent" if name in NOTIFICATION else "InterventionEvent"
        told = kind == "NotificationEvent"
        yield f"type(evt.{name}).__name__, evt.{name}._fields", repr((kind, fields))
        yield f"evt.{name}.name, str(evt.{name})", repr((name, name))
        yield f"evt.{name}.is_notification, evt.{name}.is_intervention", repr((told, not told))
    for name in (*NEGOTIATION, *SERVICES):
        yield f"callable(evt.get_default_handler(evt.{name}))", "True"
    for name in SERVICES[1:]:
        yield f"evt.get_default_handler(evt.{name})(None)", "NotImplementedError"


def of_sop_classes() -> Iterator[Fact]:
    for owner, names in SERVICE_CLASSES.items():
        home = f"getattr(service_class, '{owner}', None) or service_class_n.{owner}"
        yield f"issubclass({home}, service_class.ServiceClass)", "True"
        for name in names.split():
            yield f"type(sop_class.{name}).__name__, isinstance(sop_class.{name}, UID)", "('SOPClass', True)"
            yield f"sop_class.{name}.service_class is ({home})", "True"
    for name, uid in NAMED_OTHERWISE.items():
        yield f"sop_class.{name}", repr(uid)
    for name in ["CTImageStorage", "MRImageStorage", "EncapsulatedPDFStorage", "RTPlanStorage", "SegmentationStorage"]:
        yield f"sop_class.{name} == pydicom_uid.{name}", "True"
        yield f"sop_class.{name}.service_class is service_class.StorageServiceClass", "True"


def of_lists() -> Iterator[Fact]:
    for name, count in PREBUILT.items():
        contexts = f"X.{name}PresentationContexts"
        yield f"type({contexts}).__name__, len({contexts})", repr(("list", count))
        yield f"{contexts} is presentation.{name}PresentationContexts", "True"
        yield f"{{c.context_id for c in {contexts}}}", "{None}"
        yield f"all(syntaxes(c) == DEFAULT_TRANSFER_SYNTAXES for c in {contexts})", "True"
        yield f"(lambda uids: uids == sorted(uids))([c.abstract_syntax for c in {contexts}])", "True"
    yield (
        "sorted(n for n in dir(presentation) if n.endswith('PresentationContexts'))",
        repr(sorted(f"{name}PresentationContexts" for name in PREBUILT)),
    )


def of_requests() -> Iterator[Fact]:
    for name, attributes in PRIMITIVES.items():
        yield f"isinstance(dimse_primitives.{name}, type)", "True"
        for attribute in attributes.split():
            yield f"hasattr(dimse_primitives.{name}, '{attribute}')", "True"


FACTS: dict[str, list[Fact]] = {
    "imports": read(IMPORTS),
    "transfer syntaxes": read(TRANSFER_SYNTAXES),
    "AE titles": read(AE_TITLES),
    "AE attributes": read(AE_ATTRIBUTES),
    "AE contexts": read(AE_CONTEXTS),
    "AE calls": read(AE_CALLS),
    "signatures": read(SIGNATURES),
    "association": read(ASSOCIATION),
    "service user": read(SERVICE_USER),
    "events": [*read(EVENTS), *of_events()],
    "contexts": read(CONTEXTS),
    "lists": list(of_lists()),
    "SOP classes": [*read(SOP_CLASSES), *of_sop_classes()],
    "statuses": read(STATUSES),
    "items": read(ITEMS),
    "options": read(OPTIONS),
    "helpers": read(HELPERS),
    "addresses": read(ADDRESSES),
    "requests": list(of_requests()),
    "servers": read(SERVERS),
    "stricter": read(STRICTER),
}
CONVERSATION: dict[str, list[Fact]] = {
    "established": read(ESTABLISHED),
    "over": read(OVER),
    **{name: [(f"{name}: {expression}", expected) for expression, expected in read(ASKED[name])] for name in ASKED},
}
EVERYTHING = {**FACTS, **CONVERSATION}
OUR_OWN = {
    *dict(read(STRICTER)),
    "EVT_ASYNC_OPS: event.invoked, event.performed",  # its documentation has them, its events do not
}


def tables(root: str) -> dict[str, Any]:
    """What has too many members to be written down here."""
    names = names_of(root)
    x = SimpleNamespace(**names)
    kinds = {n: getattr(x.sop_class, n) for n in dir(x.sop_class)}
    return {
        "SOP classes": {
            n: [str(uid), uid.service_class.__name__] for n, uid in kinds.items() if type(uid).__name__ == "SOPClass"
        },
        "transfer syntaxes": list(x.ALL_TRANSFER_SYNTAXES),
        "contexts": {
            n: [str(c.abstract_syntax) for c in getattr(x.X, n)]
            for n in dir(x.presentation)
            if n.endswith("PresentationContexts")
        },
        "statuses": {
            n: {f"{code:04X}": meaning[0] for code, meaning in getattr(x.status, n).items()}
            for n in dir(x.status)
            if n.endswith("STATUS") and isinstance(getattr(x.status, n), dict)
        },
    }


def alone(root: str) -> dict[str, Any]:
    """All that is asked here, of a package in a Python of its own."""
    program = [sys.executable, "-W", "ignore", __file__, root]
    paths = os.pathsep.join([str(Path(peers.__file__).parent), *sys.path])
    done = subprocess.run(
        program, check=False, capture_output=True, text=True, timeout=50, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return names_of(OURS)


@pytest.fixture(scope="module")
def conversation() -> dict[str, str]:
    return converse(OURS)


@pytest.fixture(scope="module")
def original() -> dict[str, Any]:
    pytest.importorskip(ORIGINAL)
    return alone(ORIGINAL)


def wrong(section: str, answers: Mapping[str, str], left_out: Container[str] = ()) -> list[str]:
    """The facts of a section that are not so."""
    return [
        f"{expression}  =>  {answers[expression]}, not {expected}"
        for expression, expected in EVERYTHING[section]
        if expression not in left_out and answers[expression] != expected
    ]


@pytest.mark.parametrize("section", FACTS)
def test_facts(section: str, names: dict[str, Any]) -> None:
    assert not wrong(section, {expression: answer(expression, names) for expression, _ in FACTS[section]})


@pytest.mark.parametrize("section", CONVERSATION)
def test_facts_of_a_conversation(section: str, conversation: dict[str, str]) -> None:
    assert not wrong(section, conversation)


@pytest.mark.parametrize("section", EVERYTHING)
def test_the_original_says_the_same(section: str, original: dict[str, Any]) -> None:
    assert not wrong(section, original["facts"], OUR_OWN)


def test_sop_classes_are_the_originals(original: dict[str, Any]) -> None:
    theirs = original["tables"]["SOP classes"]
    assert len(theirs) == 252
    sop_class = importlib.import_module(f"{OURS}.sop_class")
    ours = {name: getattr(sop_class, name) for name in theirs}
    assert {name: [str(uid), uid.service_class.__name__] for name, uid in ours.items()} == theirs


@pytest.mark.parametrize("table", ["transfer syntaxes", "contexts"])
def test_lists_are_the_originals(table: str, original: dict[str, Any]) -> None:
    assert tables(OURS)[table] == original["tables"][table]


def test_status_tables_are_the_originals(original: dict[str, Any]) -> None:
    ours = tables(OURS)["statuses"]
    theirs = original["tables"]["statuses"]
    assert len(theirs) >= 17
    assert {name: ours[name] for name in theirs if name in ours} == {
        name: theirs[name] for name in theirs if name in ours
    }


@pytest.mark.parametrize("root", [OURS, ORIGINAL])
def test_nothing_is_logged_until_asked_for(root: str) -> None:
    program = f"""
        import logging
        import {root}
        logger = logging.getLogger("{root}")
        print([type(handler).__name__ for handler in logger.handlers], logger.level)
        {root}.debug_logger()
        {root}.debug_logger()
        print([type(handler).__name__ for handler in logger.handlers], logger.level)
        logger.debug("one")
        logging.getLogger("{root}.below").critical("two")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "['NullHandler'] 0\n['StreamHandler'] 10\n"
    assert done.stderr == "D: one\nC: two\n"


REGISTERING = """
    import {root}.service_class as c
    import {root}.service_class_n as n
    from {root} import AE, build_context, register_uid, sop_class

    register_uid("1.2.246.1", "OurStorage", c.StorageServiceClass)
    register_uid("1.2.246.2", "OurFind", c.QueryRetrieveServiceClass, dimse_msg_type="C-FIND")
    register_uid("1.2.246.3", "OurStep", n.ProcedureStepServiceClass)
    register_uid("1.2.246.4", "OurEcho", c.VerificationServiceClass)
    register_uid("1.2.246.5", "OurWorklist", c.BasicWorklistManagementServiceClass)
    register_uid("1.2.246.6", "OurSubstances", c.SubstanceAdministrationQueryServiceClass)
    from {root}.sop_class import OurStorage
    for name in ("OurStorage", "OurFind", "OurStep", "OurEcho", "OurWorklist", "OurSubstances"):
        uid = getattr(sop_class, name)
        print(name, uid, type(uid).__name__, uid.service_class.__name__)
    print(sop_class.uid_to_sop_class("1.2.246.3").service_class.__name__)
    print(sop_class.uid_to_service_class("1.2.246.1").__name__, OurStorage)
    print(build_context(sop_class.OurEcho).abstract_syntax)
"""


@pytest.mark.parametrize("root", [OURS, ORIGINAL])
def test_a_registered_uid_has_a_name_and_a_service_class(root: str) -> None:
    program = textwrap.dedent(REGISTERING).format(root=root)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == [
        "OurStorage 1.2.246.1 SOPClass StorageServiceClass",
        "OurFind 1.2.246.2 SOPClass QueryRetrieveServiceClass",
        "OurStep 1.2.246.3 SOPClass ProcedureStepServiceClass",
        "OurEcho 1.2.246.4 SOPClass VerificationServiceClass",
        "OurWorklist 1.2.246.5 SOPClass BasicWorklistManagementServiceClass",
        "OurSubstances 1.2.246.6 SOPClass SubstanceAdministrationQueryServiceClass",
        "ProcedureStepServiceClass",
        "StorageServiceClass 1.2.246.1",
        "1.2.246.4",
    ]


SERVING = """
    import threading
    from {root} import AE
    from {root}.transport import AssociationServer, RequestHandler

    class Handler(RequestHandler):
        def handle(self):
            seen.append((self.ae is ae, self.local.as_tuple, self.remote.as_tuple, self.server is server))
            super().handle()

    class Server(AssociationServer):
        pass

    seen = []
    ae = AE()
    ae.add_supported_context("1.2.840.10008.1.1")
    ae.add_requested_context("1.2.840.10008.1.1")
    server = ae.make_server(("127.0.0.1", 0), server_class=Server, request_handler=Handler)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    assoc = ae.associate("127.0.0.1", server.server_address[1])
    print(assoc.is_established, assoc.send_c_echo().Status, type(server).__name__)
    mine = (assoc.requestor.address, assoc.requestor.port)
    print(seen == [(True, server.server_address, mine, True)])
    assoc.release()
    try:
        server.shutdown()
    except ValueError:
        pass  # the original knows only those of start_server
    running.join(10)
    server.server_close()
    print(running.is_alive())
    with ae.make_server(("127.0.0.1", 0)) as other:
        print(other is not server)
"""


@pytest.mark.parametrize("root", [OURS, ORIGINAL])
def test_a_request_handler_and_a_server_of_ones_own(root: str) -> None:
    program = textwrap.dedent(SERVING).format(root=root)
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True 0 Server", "True", "False", "True"]


def main(root: str) -> None:
    found = {"tables": tables(root)}  # before anything can be registered
    names = names_of(root)
    asked = {expression: answer(expression, names) for facts in FACTS.values() for expression, _ in facts}
    print(json.dumps({**found, "facts": asked | converse(root)}))


if __name__ == "__main__":
    main(sys.argv[1])
