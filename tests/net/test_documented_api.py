"""Scripts as people have them, written for the documented API: only the import line names another package.

Each runs in a Python of its own, as a person would start it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from peers import process, run

BLOCKING_ECHO_SCP = """
    from workstation.net import AE, VerificationPresentationContexts

    ae = AE(ae_title=b'MY_ECHO_SCP')
    ae.supported_contexts = VerificationPresentationContexts
    ae.start_server(('', {port}), block=True)
"""

NON_BLOCKING_ECHO_SCP = """
    import logging

    from workstation.net import AE, evt, VerificationPresentationContexts, debug_logger
    from workstation.net.sop_class import VerificationSOPClass

    debug_logger()
    LOGGER = logging.getLogger('workstation.net')

    ae = AE(ae_title=b'MY_ECHO_SCP')
    ae.supported_contexts = VerificationPresentationContexts
    ae.requested_contexts = VerificationPresentationContexts

    def handle_echo(event):
        requestor = event.assoc.requestor
        timestamp = event.timestamp.strftime("%Y-%m-%d %H:%M:%S")
        LOGGER.info("C-ECHO from ({{}}, {{}}) at {{}}".format(requestor.address, requestor.port, timestamp))
        return 0x0000

    scp = ae.start_server(('', {port}), block=False, evt_handlers=[(evt.EVT_C_ECHO, handle_echo)])
    assoc = ae.associate('localhost', {port})
    if assoc.is_established:
        status = assoc.send_c_echo()
        if status:
            print('C-ECHO Response: 0x{{0:04x}}'.format(status.Status))
        assoc.release()
    ae.add_requested_context(VerificationSOPClass)
    scp.shutdown()
"""

STORE_SCU = """
    from pydicom import dcmread
    from pydicom.uid import ImplicitVRLittleEndian

    from workstation.net import AE, VerificationPresentationContexts
    from workstation.net.sop_class import CTImageStorage, MRImageStorage

    ae = AE(ae_title=b'MY_STORAGE_SCU')
    ae.requested_contexts = VerificationPresentationContexts
    ae.add_requested_context(CTImageStorage, transfer_syntax=ImplicitVRLittleEndian)
    ae.add_requested_context(
        MRImageStorage, transfer_syntax=['1.2.840.10008.1.2', '1.2.840.10008.1.2.1']
    )
    assoc = ae.associate('127.0.0.1', {port})
    if assoc.is_established:
        dataset = dcmread({path!r})
        status = assoc.send_c_store(dataset)
        print('C-STORE Response: 0x{{0:04x}}'.format(status.Status))
        assoc.release()
"""

STORE_SCP = """
    import sys

    from workstation.net import AE, evt
    from workstation.net.sop_class import CTImageStorage, VerificationSOPClass

    def handle_echo(event):
        return 0x0000

    def handle_store(event, arg1, arg2):
        assert arg1 == 'optional'
        assert arg2 == 'parameters'
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        print(dataset.PatientID, file=sys.stderr, flush=True)
        with open({target!r}, 'wb') as f:
            f.write(event.encoded_dataset())
        return 0x0000

    handlers = [
        (evt.EVT_C_ECHO, handle_echo),
        (evt.EVT_C_STORE, handle_store, ['optional', 'parameters']),
    ]
    ae = AE()
    ae.add_supported_context(CTImageStorage)
    ae.add_supported_context(VerificationSOPClass)
    ae.start_server(('localhost', {port}), evt_handlers=handlers)
"""


def script(text: str, **values: object) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text).format(**values)]


def test_blocking_echo_scp(free_port: int) -> None:
    with process(script(BLOCKING_ECHO_SCP, port=free_port), free_port) as server:
        assert run("echoscu", "127.0.0.1", free_port).returncode == 0
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


def test_non_blocking_echo_scp_with_a_logging_handler(free_port: int) -> None:
    done = subprocess.run(
        script(NON_BLOCKING_ECHO_SCP, port=free_port), check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "C-ECHO Response: 0x0000\n"
    assert "I: C-ECHO from (127.0.0.1, " in done.stderr


def test_store_scu_to_store_scp(free_port: int, samples: Path, tmp_path: Path) -> None:
    path = str(next((samples / "ct-chest").glob("*.dcm")))
    target = tmp_path / "stored.dcm"
    with process(script(STORE_SCP, port=free_port, target=str(target)), free_port):
        done = subprocess.run(
            script(STORE_SCU, port=free_port, path=path), check=False, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "C-STORE Response: 0x0000\n"
    assert run("dcmftest", target).stdout.startswith("yes:")


@pytest.mark.parametrize("name", ["VerificationPresentationContexts", "AllStoragePresentationContexts", "evt", "AE"])
def test_names_come_from_the_package(name: str) -> None:
    import workstation.net

    assert getattr(workstation.net, name) is getattr(workstation.net, name)


def test_nothing_outside_ui_needs_qt() -> None:
    program = """
        import importlib, pkgutil, sys
        sys.modules["PySide6"] = sys.modules["qasync"] = None
        import workstation
        for module in pkgutil.walk_packages(workstation.__path__, "workstation."):
            if not module.name.startswith(("workstation.ui", "workstation.__main__")):
                importlib.import_module(module.name)
    """
    done = subprocess.run(script(program), check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
