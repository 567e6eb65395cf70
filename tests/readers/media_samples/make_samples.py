"""Makes the media samples of this folder with the C2PA project's own library: run once, by hand, in an environment of
its own (`pip install c2pa-python cryptography pillow`). The keys are thrown away; the certificates last until 2056.
"""

from __future__ import annotations

import datetime
import io
import json
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

HERE = Path(__file__).parent
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def named(name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Garden Test")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), organisation])


def certificate(name, key, issuer, issuer_key, *, ca):
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2056, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )
    if not ca:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = certificate("Garden Test Root", ROOT_KEY, "Garden Test Root", ROOT_KEY, ca=True)
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


def signed(content: bytes, mime: str, *, algorithm: str = "es256", source: str = "trainedAlgorithmicMedia") -> bytes:
    key = KEYS[algorithm]()
    chain = pem(certificate("Garden Test Signer", key, "Garden Test Root", ROOT_KEY, ca=False)) + pem(ROOT)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE + source}
    told = {
        "claim_generator_info": [{"name": "garden-painter", "version": "1"}],
        "title": "a tulip",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    out = io.BytesIO()
    with c2pa.Context(settings) as context:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm.encode(), chain, private, None))
        c2pa.Builder(json.dumps(told), context=context).sign(signer, mime, io.BytesIO(content), out)
    return out.getvalue()


def sources() -> Iterator[tuple[str, str, bytes]]:
    image = Image.new("RGB", (16, 16), (40, 120, 60))
    for at in range(16):
        image.putpixel((at, at), (200, 10, 10))
    for suffix, kind in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")):
        drawn = io.BytesIO()
        image.save(drawn, kind)
        yield suffix, f"image/{kind.lower()}", drawn.getvalue()
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<200h", *[at * 331 % 2000 for at in range(200)]))
    yield "wav", "audio/wav", sound.getvalue()
    yield "mp4", "video/mp4", film()


def film() -> bytes:
    def box(kind: bytes, *parts: bytes) -> bytes:
        return struct.pack(">I", 8 + sum(map(len, parts))) + kind + b"".join(parts)

    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    times = bytes(12) + struct.pack(">III", 1000, 0, 0x10000) + struct.pack(">H", 0x100) + bytes(10)
    header = box(b"mvhd", times, matrix, bytes(24), struct.pack(">I", 2))
    return box(b"ftyp", b"isom", struct.pack(">I", 512), b"isommp41") + box(b"moov", header) + box(b"mdat", bytes(200))


if __name__ == "__main__":
    (HERE / "root.pem").write_bytes(pem(ROOT))
    other = KEYS["es256"]()
    (HERE / "other_root.pem").write_bytes(pem(certificate("Other Root", other, "Other Root", other, ca=True)))
    for suffix, mime, content in sources():
        (HERE / f"signed.{suffix}").write_bytes(signed(content, mime))
        if suffix == "png":
            (HERE / "plain.png").write_bytes(content)
            (HERE / "photo.png").write_bytes(signed(content, mime, source="digitalCapture"))
            for algorithm in ("es384", "ps256", "ed25519"):
                (HERE / f"{algorithm}.png").write_bytes(signed(content, mime, algorithm=algorithm))
