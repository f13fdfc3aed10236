"""Certificates that cannot be used are refused before anything listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from otel_clinical.access import AccessError, Certificate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(folder: Path, authority: trustme.CA, name: str = "server") -> Certificate:
    issued = authority.issue_cert("127.0.0.1")
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    issued.private_key_pem.write_to_path(key)
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(chain, append=number > 0)
    return Certificate(chain, key)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, authority: trustme.CA):
    first, second = (certificate(tmp_path, authority, name) for name in ("first", "second"))
    with pytest.raises(AccessError, match="not a usable certificate"):
        Certificate(first.chain, second.key)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_a_certificate_is_refused(tmp_path: Path, authority: trustme.CA, content: bytes | None):
    good = certificate(tmp_path, authority)
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(AccessError, match=r"bad\.pem"):
        Certificate(bad, good.key)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_that_cannot_be_read_is_refused(
    tmp_path: Path, authority: trustme.CA, content: bytes | None
) -> None:
    good = certificate(tmp_path, authority)
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    assert Certificate(good.chain, good.key, tmp_path / "ca.pem").clients
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(AccessError, match=r"bad\.pem: not the certificate of an authority"):
        Certificate(good.chain, good.key, bad)
