"""Checksums of wallet addresses: base58check (Bitcoin and its kin) and bech32 (BIP 173, BIP 350)."""

from __future__ import annotations

import hashlib

_BASE58 = {c: n for n, c in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BECH32 = {c: n for n, c in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_SUM, _BECH32M_SUM = 1, 0x2BC830A3


def base58check(address: str) -> bool:
    """Say whether the last four of 25 bytes are the beginning of the others' double SHA-256."""
    value = 0
    for c in address:
        value = value * 58 + _BASE58[c]
    try:
        raw = value.to_bytes(25, "big")
    except OverflowError:
        return False
    # Each leading zero byte is written as a 1.
    if len(raw) - len(raw.lstrip(b"\0")) != len(address) - len(address.lstrip("1")):
        return False
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32(address: str) -> bool:
    """Say whether an address such as bc1… has its checksum, the older or the newer one."""
    if address not in (address.lower(), address.upper()):
        return False
    prefix, _, data = address.lower().rpartition("1")
    if not all(c in _BECH32 for c in data):
        return False
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32[c] for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for n in range(5):
            check ^= _GENERATOR[n] if top >> n & 1 else 0
    return check in (_BECH32_SUM, _BECH32M_SUM)
