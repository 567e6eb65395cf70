"""Content credentials of real files (made by the C2PA project's library), changed ones, and hostile ones."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.media.carriers import carried
from safecase.readers.media.cbor import CborError, decode
from safecase.readers.media.cose import distrust
from safecase.readers.media.credentials import Credentials, TamperedError, UnjudgedError, read_credentials

SAMPLES = Path(__file__).parent / "media_samples"
SIGNED = sorted(path.name for path in SAMPLES.glob("*.*") if path.name.startswith(("signed", "es", "ps", "ed")))
NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def roots() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(sample("root.pem"))


def judged(content: bytes) -> Credentials | str | None:
    try:
        return read_credentials(content)
    except (TamperedError, UnjudgedError) as why:
        return str(why)


@pytest.mark.parametrize("name", SIGNED)
def test_real_credentials_hold(name: str) -> None:
    found = read_credentials(sample(name))
    assert found is not None
    assert found.signer == "Garden Test Signer"
    assert found.says_generated
    assert distrust(list(found.chain), roots(), NOW) == ""


def test_there_are_samples_of_each_format_and_algorithm() -> None:
    assert len(SIGNED) == 9


def test_a_photograph_does_not_say_that_it_was_generated() -> None:
    found = read_credentials(sample("photo.png"))
    assert found is not None
    assert not found.says_generated


def test_a_picture_without_credentials_has_none() -> None:
    assert read_credentials(sample("plain.png")) is None


@pytest.mark.parametrize("name", ["signed.wav", "signed.png", "signed.jpg", "signed.mp4", "signed.avif", "signed.webp"])
def test_every_changed_byte_outside_of_the_credentials_is_seen(name: str) -> None:
    content = sample(name)
    found = carried(content)
    assert found is not None
    inside = {at for start, end in found.at for at in range(start, end)}
    unbound = (
        range(28 if name.endswith("mp4") else 40) if name.endswith(("mp4", "avif")) else range(0)
    )  # the box `ftyp`
    for at in range(len(content)):
        if at not in inside and at not in unbound:
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            assert not isinstance(judged(changed), Credentials), at


def test_what_stands_behind_the_file_is_seen() -> None:
    for name in SIGNED:
        assert isinstance(judged(sample(name) + b"\0\0\0\x09mdatX"), str)


def test_a_changed_claim_or_assertion_is_seen() -> None:
    content = sample("signed.wav")
    for word in (b"trainedAlgorithmicMedia", b"garden-painter", b"a tulip"):
        at = content.index(word)
        assert isinstance(judged(content[:at] + b"X" + content[at + 1 :]), str)


def test_a_chain_that_leads_to_nobody_is_not_trusted() -> None:
    found = read_credentials(sample("signed.wav"))
    assert found is not None
    chain = list(found.chain)
    assert "nobody trusts" in distrust(chain, [], NOW)
    assert "not valid now" in distrust(chain, roots(), NOW.replace(year=2060))
    assert "nobody trusts" in distrust(chain[:1], [Forger().certificate], NOW)
    assert "signs what it must not" in distrust(chain[1:], roots(), NOW)


class Forger:
    """Signs what it likes with a certificate of its own making."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forger")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW.replace(year=2040))
            .sign(self.key, hashes.SHA256())
        )

    def png(
        self,
        *,
        exclusions: list[Any],
        payload: Any = None,
        algorithm: int = -7,
        alg: str = "sha256",
        signature: str = "self#jumbf=c2pa.signature",
    ) -> bytes:
        """Make a picture whose hash leaves out what it is told to."""
        plain = sample("plain.png")
        body = plain[33:]

        def made(digest: bytes) -> bytes:
            binding = {"exclusions": exclusions, "alg": alg, "hash": digest, "pad": b"\0" * 40}
            held = box("c2pa.hash.data", "cbor", cbor(binding))
            link = {"url": "self#jumbf=c2pa.assertions/c2pa.hash.data", "hash": hashlib.sha256(held[8:]).digest()}
            claim = cbor({"alg": "sha256", "created_assertions": [link], "signature": signature})
            parts = superbox("c2pa.assertions", "c2as", held) + box("c2pa.claim.v2", "c2cl", claim)
            manifest = superbox(
                "urn:c2pa:1", "c2ma", parts + box("c2pa.signature", "c2cs", self.sign(claim, payload, algorithm))
            )
            store = superbox("c2pa", "c2pa", manifest)
            return plain[:33] + struct.pack(">I", len(store)) + b"caBX" + store + bytes(4) + body

        size = len(made(bytes(32)))
        left = sorted((one["start"], one["start"] + one["length"]) for one in exclusions)
        assert [end for _, end in left] <= [size]
        content = made(bytes(32))
        kept = b"".join(
            content[a:b] for a, b in zip([0, *(e for _, e in left)], [*(s for s, _ in left), size], strict=True)
        )
        return made(hashlib.sha256(kept).digest())

    def sign(self, claim: bytes, payload: Any, algorithm: int) -> bytes:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        protected = cbor({1: algorithm, 33: der})
        r, s = decode_dss_signature(
            self.key.sign(cbor(["Signature1", protected, b"", claim]), ec.ECDSA(hashes.SHA256()))
        )
        return cbor([protected, {}, payload, (r.to_bytes(32, "big") + s.to_bytes(32, "big")).ljust(64)])


def cbor(value: Any) -> bytes:
    def head(major: int, size: int) -> bytes:
        return bytes([major << 5 | 26]) + struct.pack(">I", size)

    match value:
        case None:
            return b"\xf6"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            size = len(value)
            short = (
                bytes([0x40 | size])
                if size < 24
                else bytes([0x58, size])
                if size < 256
                else b"\x59" + struct.pack(">H", size)
            )
            return short + value
        case str():
            return (bytes([0x60 | len(value)]) if len(value) < 24 else head(3, len(value))) + value.encode()
        case list():
            return bytes([0x80 | len(value)]) + b"".join(map(cbor, value))
        case _:
            return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def superbox(label: str, kind: str, inner: bytes) -> bytes:
    told = kind.encode() + bytes.fromhex("00110010800000aa00389b71") + b"\3" + label.encode() + b"\0"
    body = struct.pack(">I", 8 + len(told)) + b"jumd" + told + inner
    return struct.pack(">I", 8 + len(body)) + b"jumb" + body


def box(label: str, kind: str, content: bytes) -> bytes:
    return superbox(label, kind, struct.pack(">I", 8 + len(content)) + b"cbor" + content)


def whole(forger: Forger, **more: Any) -> list[Any]:
    """The exclusion of just the credentials."""
    content = forger.png(exclusions=[{"start": 33, "length": 0}], **more)
    found = carried(content)
    assert found is not None
    return [{"start": 33, "length": found.at[0][1] - 33}]


def test_a_forger_can_sign_a_picture_that_holds_but_that_nobody_trusts() -> None:
    forger = Forger()
    found = read_credentials(forger.png(exclusions=whole(forger)))
    assert found is not None
    assert distrust(list(found.chain), roots(), NOW)


def test_a_hash_that_leaves_out_the_pixels_does_not_hold() -> None:
    forger = Forger()
    (one,) = whole(forger)
    wider = [{"start": 33, "length": one["length"] + 10}]
    assert judged(forger.png(exclusions=wider)) == "its hash leaves out more than the credentials"
    more = [one, {"start": one["start"] + one["length"] + 20, "length": 4}]
    assert isinstance(judged(forger.png(exclusions=more)), str)


def test_a_signature_over_what_it_brings_itself_does_not_hold() -> None:
    forger = Forger()
    assert "brings itself" in str(judged(forger.png(exclusions=whole(forger), payload=b"claim")))


def test_a_claim_that_means_the_signature_of_another_manifest_does_not_hold() -> None:
    forger = Forger()
    other = "self#jumbf=/c2pa/urn:c2pa:2/c2pa.signature"
    assert isinstance(judged(forger.png(exclusions=whole(forger, signature=other), signature=other)), str)


def test_a_certificate_of_no_known_version_does_not_hold() -> None:
    content = sample("signed.wav")
    version = content.index(b"\xa0\x03\x02\x01\x02")
    assert isinstance(judged(content[: version + 4] + b"\3" + content[version + 5 :]), str)


def test_an_unknown_algorithm_cannot_be_judged() -> None:
    forger = Forger()
    with pytest.raises(UnjudgedError, match="algorithm"):
        read_credentials(forger.png(exclusions=whole(forger), algorithm=-47))
    with pytest.raises(UnjudgedError, match="sha224"):
        read_credentials(forger.png(exclusions=whole(forger), alg="sha224"))


@given(st.binary(max_size=300))
def test_any_bytes_are_cbor_or_refused(content: bytes) -> None:
    with contextlib.suppress(CborError):
        decode(content)


@given(st.sampled_from(SIGNED), st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_whatever_is_written_over_a_file_is_judged(name: str, at: int, patch: bytes) -> None:
    content = sample(name)
    judged(content[:at] + patch + content[at + len(patch) :])
    judged(content[:at])


def test_deep_and_endless_cbor_is_refused() -> None:
    for hostile in (b"\x81" * 1000, b"\x9f" * 1000, b"\x9b" + b"\xff" * 8, b"\xc0" * 1000, b"\x5f" + b"\x40" * 100_000):
        with pytest.raises(CborError):
            decode(hostile)
