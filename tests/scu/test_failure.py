from workstation.scu.failure import Failure, Layer, named, printable


def test_a_sentence_names_layer_evidence_and_remedy() -> None:
    failure = Failure(Layer.TCP, "Nothing listens at h:1", "Connection refused", "Check the port.")
    assert failure.sentence == "TCP: Nothing listens at h:1 (Connection refused). Check the port."
    assert str(Failure(Layer.FILE, "Odd.")) == "File: Odd."


def test_uids_are_named_and_text_of_the_peers_is_tamed() -> None:
    assert named("1.2.840.10008.1.1") == "Verification SOP Class (1.2.840.10008.1.1)"
    assert named("1.2.3") == "1.2.3"
    assert printable("a\x1b[31m\nb") == "a·[31m·b"
    assert len(printable("x" * 500)) == 120
