"""Certificates as TLS itself takes them: between a server and a client of this process."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from ops.deploy import certificates
from ops.deploy.certificates import Certificate


def _shake_hands(folder: Path, leaf: Certificate, authority: Certificate, name: str) -> None:
    """A handshake in memory; raises ssl.SSLError when the client does not believe the server."""
    (folder / "certificate.pem").write_text(leaf.certificate)
    (folder / "key.pem").write_text(leaf.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    trusting = ssl.create_default_context(cadata=authority.certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [client, server]
    for _ in range(10):
        for one in list(waiting):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(one)
    assert not waiting


@pytest.mark.parametrize("name", ["server.global.nomad", "127.0.0.1"])
def test_a_leaf_is_believed_under_each_of_its_names(tmp_path: Path, name: str) -> None:
    authority = certificates.authority("a test")
    leaf = certificates.signed(authority, ["server.global.nomad", "127.0.0.1"])
    _shake_hands(tmp_path, leaf, authority, name)


@pytest.mark.parametrize("name", ["client.global.nomad", "127.0.0.2"])
def test_a_leaf_is_believed_under_no_other_name(tmp_path: Path, name: str) -> None:
    authority = certificates.authority("a test")
    leaf = certificates.signed(authority, ["server.global.nomad", "127.0.0.1"])
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        _shake_hands(tmp_path, leaf, authority, name)


def test_a_leaf_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    leaf = certificates.signed(certificates.authority("a test"), ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(tmp_path, leaf, certificates.authority("a test"), "localhost")


def test_a_leaf_signs_for_nobody(tmp_path: Path) -> None:
    authority = certificates.authority("a test")
    leaf = certificates.signed(authority, ["localhost"])
    forged = certificates.signed(leaf, ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(tmp_path, Certificate(forged.certificate + leaf.certificate, forged.key), authority, "localhost")
    usage = x509.load_pem_x509_certificate(leaf.certificate.encode()).extensions.get_extension_for_class(x509.KeyUsage)
    assert not usage.value.key_cert_sign
