"""Personal data is found where its check digits or the words before it say so, and technical prose has none."""

from __future__ import annotations

import hashlib
import random
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safecase.detectors.personal_data import personal_data
from safecase.detectors.redaction import check_digits
from safecase.detectors.redaction.wallets import base58check, bech32

RANDOM = random.Random(5)


def found(text: str) -> list[tuple[str, str]]:
    return [(span.rule, text[span.start : span.end]) for span in personal_data(text).spans]


def one(text: str) -> tuple[str, str]:
    (only,) = found(text)
    return only


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("Write to ann.lee+news@mail.example.co.uk, please", "email", "ann.lee+news@mail.example.co.uk"),
        ("mailto:o'brien@example.com", "email", "o'brien@example.com"),
        ("<a href='mailto:x_y@b-c.io'>", "email", "x_y@b-c.io"),
        ("https://shop.example/?mail=ann@example.org&x=1", "email", "ann@example.org"),
        ("联系我ann@example.org谢谢", "email", "ann@example.org"),
        ("**4111 1111 1111 1111**", "card", "4111 1111 1111 1111"),
        ("_86095742719_", "de_tax_id", "86095742719"),
        ("_+442079460958_", "phone", "+442079460958"),
        ("see ann@example.org_", "email", "ann@example.org"),
        ("jürgen@müller.de.", "email", "jürgen@müller.de"),
        ("Ruf an: +49 30 901820-17!", "phone", "+49 30 901820-17"),
        ("+1 (212) 555-0187", "phone", "+1 (212) 555-0187"),
        ("+442079460958", "phone", "+442079460958"),
        ("0033 1 42 68 53 00", "phone", "0033 1 42 68 53 00"),
        ("tel:+1-816-555-1212", "phone", "+1-816-555-1212"),
        ("+91 98765 43210", "phone", "+91 98765 43210"),
        ("+49 30 901820, 12 people", "phone", "+49 30 901820"),
        ("phone: 020 7946 0958", "phone", "020 7946 0958"),
        ("Telefon 030/901820", "phone", "030/901820"),
        ("you can call me at (212) 555-0187", "phone", "(212) 555-0187"),
        ("Call 555-263-4567 now", "phone", "555-263-4567"),
        ("My number is 07911 123456.", "phone", "07911 123456"),
        ("my mobile number is 0151 23456789", "phone", "0151 23456789"),
        ("4111111111111111", "card", "4111111111111111"),
        ("card 5500-0055-5555-5559, exp 12/27", "card", "5500-0055-5555-5559"),
        ("4111 1111 1111 1111 12/27", "card", "4111 1111 1111 1111"),
        ("4111 1111 1111 1111 2027", "card", "4111 1111 1111 1111"),
        ("amex 378282246310005", "card", "378282246310005"),
        ("3530.1113.3330.0000", "card", "3530.1113.3330.0000"),
        ("credit card 41111111 11111111 12/27", "card", "41111111 11111111"),
        ("IBAN: GB29 NWBK 6016 1331 9268 19.", "iban", "GB29 NWBK 6016 1331 9268 19"),
        ("de89370400440532013000", "iban", "de89370400440532013000"),
        ("FR14 2004 1010 0505 0001 3M02 606 is it", "iban", "FR14 2004 1010 0505 0001 3M02 606"),
        ("NO9386011117947", "iban", "NO9386011117947"),
        ("536-90-4399", "us_ssn", "536-90-4399"),
        ("Social Security number 536 90 4399", "us_ssn", "536 90 4399"),
        ("AB123456C", "uk_nino", "AB123456C"),
        ("86095742719", "de_tax_id", "86095742719"),
        ("1 85 05 78 006 084 91", "fr_nir", "1 85 05 78 006 084 91"),
        ("12345678Z", "es_dni", "12345678Z"),
        ("Y-1234567-X", "es_dni", "Y-1234567-X"),
        ("rssmra85t10a562s", "it_tax_code", "rssmra85t10a562s"),
        ("Mijn BSN is 111222333", "nl_bsn", "111222333"),
        ("2345 6789 0124", "in_aadhaar", "2345 6789 0124"),
        ("Aadhaar: 234567890124", "in_aadhaar", "234567890124"),
        ("PAN card ABCPE1234F", "in_pan", "ABCPE1234F"),
        ("529.982.247-25", "br_cpf", "529.982.247-25"),
        ("CPF 52998224725", "br_cpf", "52998224725"),
        ("11.222.333/0001-81", "br_cnpj", "11.222.333/0001-81"),
        ("12.ABC.345/01DE-35", "br_cnpj", "12.ABC.345/01DE-35"),
        ("from 203.0.113.77 came", "ip", "203.0.113.77"),
        ("https://93.184.216.34/x", "ip", "93.184.216.34"),
        ("ping 8.8.8.8", "ip", "8.8.8.8"),
        ("client_ip=203.0.113.7;", "ip", "203.0.113.7"),
        ("shop.example/93.18.21.34:443", "ip", "93.18.21.34"),
        ("93.18.21.34 - - [23/Nov/2026]", "ip", "93.18.21.34"),
        ('{"ip": "23.45.67.89"}', "ip", "23.45.67.89"),
        ("2a00:1450:4001:80b::200e is up", "ip", "2a00:1450:4001:80b::200e"),
        ("[2001:db8::1]:443", "ip", "2001:db8::1"),
        ("00:1B:44:11:3A:B7", "mac", "00:1B:44:11:3A:B7"),
        ("mac address 001b.4411.3ab7", "mac", "001b.4411.3ab7"),
        ("I was born on 12 March 1980 in Oslo", "birth_date", "12 March 1980"),
        ("DOB: 1980-03-12", "birth_date", "1980-03-12"),
        ("date of birth: March 12th, 1980", "birth_date", "March 12th, 1980"),
        ("geboren am 12. März 1980", "birth_date", "12. März 1980"),
        ("née le 12/03/1980", "birth_date", "12/03/1980"),
        ("She lives at 221B Baker Street, London NW1 6XE today", "address", "221B Baker Street, London NW1 6XE"),
        ("Address: 600 Elm Avenue NW, Apt 4B, Reno, NV 20500", "address", "600 Elm Avenue NW, Apt 4B, Reno, NV 20500"),
        ("Er wohnt in der Musterstraße 12, 10115 Berlin.", "address", "Musterstraße 12, 10115 Berlin"),
        ("My address is 10 Downing Street, London SW1A 2AA.", "address", "10 Downing Street, London SW1A 2AA"),
        ("ship to: 123 Main St, Springfield, IL 62704", "address", "123 Main St, Springfield, IL 62704"),
        ("Il habite 5 rue de la Paix, 75002 Paris", "address", "5 rue de la Paix, 75002 Paris"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "wallet", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        (
            "my wallet 0x52908400098527886E0F7030069857D2E4169EE7",
            "wallet",
            "0x52908400098527886E0F7030069857D2E4169EE7",
        ),
    ],
)
def test_personal_data_is_found_whole(text: str, rule: str, value: str) -> None:
    assert one(text) == (rule, value)


ZONES = [
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
    "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
]


@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_of_a_travel_document_is_found_with_its_name(zone: str) -> None:
    assert one(f"scan:\n{zone}\nend") == ("passport", zone)
    assert one(zone.replace("\n", "\r\n")) == ("passport", zone.replace("\n", "\r\n"))
    assert found(zone.replace("740812", "740813")) == []


@pytest.mark.parametrize(
    "text",
    [
        # one digit wrong, a range that nobody has, a length that no country has
        "4111 1111 1111 1112",
        "1234567812345670",
        "0000 0000 0000 0000",
        "GB28 NWBK 6016 1331 9268 19",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "000-12-3456, 666-12-3456, 900-12-3456, 123-00-4567, 123-45-0000",
        "BG123456C GB123456A AB123456E QQ123456C",
        "86095742718",
        "1 85 05 78 006 084 92",
        "12345678A X1234567T",
        "RSSMRA85T10A562T",
        "BSN 111222334",
        "2345 6789 0125",
        "529.982.247-26 111.111.111-11",
        "11.222.333/0001-82",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mda",
        "+999 123 4567890, +1 100 200 3000, +49 12, +33 1 42 68 53 0",
        # no word before it says what it is
        "111222333 and 030 901820 and 1980-03-12 and 221B Baker Street and 234567890124",
        "born in 1980; the release of 2024-11-23",
        # addresses of nobody in particular
        "127.0.0.1 10.0.0.7 192.168.1.20 172.16.0.1 0.0.0.0 255.255.255.255 169.254.1.1 224.0.0.1",
        "::1 fe80::1 fd00::1 ff02::1 ::",
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
    ],
)
def test_what_fails_its_check_is_no_ones(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4 of the driver, v10.20.30.140, release 4.18.0.193, app-1.2.3.4.tar.gz, Chrome/120.0.6.109",
        "pip install nvidia-cudnn==9.24.0.43 and see section 3.1.2.4, OID 1.3.6.1.4.1.311",
        "Upgrade from 1.2.3.4 to 1.2.3.5; requires foo>=2.31.7.12",
        "git@github.com:org/repo.git and npm i @scope/pkg@1.2.3, logo@2x.png, pg@14-main.service, @app.route('/x')",
        "commit 3f2c9a7d1e5b8046a9c7d3e2f1b0a9c8d7e6f5a4 (HEAD -> main), tag: v2.0.1, a1b2c3d",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2024-11-23T14:41:29.123456Z, 2024-11-23 14:41:29,123 INFO 12345 --- [main]; 20241123144129; 1732372889123",
        "epoch 1732372889 and in nanoseconds 1732372889123456789",
        "Order 2024-000123, invoice INV-20241123-0042, ticket #1234567, part 4711-0815-33",
        "S3, EKS, C4, EC2 t3.large, us-east-1, arn:aws:iam::123456789012:role/x",
        "x = 0xDEADBEEF + 1_000_000 - 3.141592653589793 * 6.02214076e23 # 1e-10 0.30000000000000004",
        "order_86095742719, x_4111111111111111, a_12345678Z_b, AB123456C_2",
        "std::vector<int> v(10); a::b::c; for (int i = 0; i < 4096; ++i) { x[i] = 2048 * i; }",
        "port 8080:80, 10.0.0.0/8, ratio 16:9, 12:30:45, 1920x1080, 3.5 GHz, 64 GB, 100%",
        "1024 2048 4096 8192 16384 32768; 2048 4096 8192; 2019 2020 2021; 1000 2000 3000 4000 5000 6000",
        "The call took 1234567 ms; the cell holds 12345678; text 1234567; dial it down to 10",
        "part 555-263-4567, Git 1.7.12.3, nvidia_cublas\t13.1.1.3, | 3.1.2.4 | scope",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182, RFC 2822, CVE-2024-123456, ISO 27001:2022, EN 61508-3",
        "SELECT * FROM t WHERE id IN (100234, 100235, 100236) AND created_at > '2024-01-01 00:00:00'",
        "address this issue at once; the ship has 12 Main decks; we live in 3 Dimensions; deliver 5 Items",
        "00000000 0020 0004 2048 0020 0002 2031 |hexdump|  0049 1234 5678",
        "| 12.5 | 13.75 | 1,234,567.89 | -42 | 1 234 567 | 99.999 |",
        '{"id": 184467440737, "ts": 1732372889.123, "cidr": "10.1.2.0/24", "etag": "33a64df551425fcc55e4d42a148795d9"}',
        "++++++ @@ -12,7 +12,7 @@ def f(x): # +1234 lines, -567 lines; +12345678 bytes",
        "uuid 123e4567-e89b-12d3-a456-426614174000 and 00000000-0000-0000-0000-000000000000",
        "MD5 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff fingerprint",
        "The WHO AND NATO MET IN ROOM 12; THE ABCDE1234 SERIES, MODEL AB1234CD, ZIP 90210",
    ],
)
def test_technical_prose_has_no_personal_data(text: str) -> None:
    assert found(text) == []


def test_random_ids_of_machines_are_no_ones() -> None:
    ids = [str(uuid.UUID(int=RANDOM.getrandbits(128), version=4)) for _ in range(3000)]
    ids += [text.upper() for text in ids]
    ids += [hashlib.sha1(str(n).encode()).hexdigest()[: RANDOM.choice([7, 12, 40])] for n in range(3000)]
    ids += [hashlib.sha256(str(n).encode()).hexdigest() for n in range(1000)]
    ids += [str(1_700_000_000_000 + RANDOM.getrandbits(30)) for _ in range(2000)]
    ids += [f"{RANDOM.random():.16f}" for _ in range(3000)]
    ids += [f"ORD-{RANDOM.randrange(10**9):09d}" for _ in range(2000)]
    assert [hit for text in ids for hit in found(f"id {text} ok")] == []


def test_tables_of_numbers_are_not_taken_for_cards() -> None:
    rows = ["  ".join(f"{RANDOM.randrange(10**5):5d}" for _ in range(8)) for _ in range(500)]
    rows += [" ".join(f"{RANDOM.randrange(1000, 10000)}" for _ in range(9)) for _ in range(500)]
    rows += [",".join(f"{RANDOM.uniform(-5, 5):.15g}" for _ in range(6)) for _ in range(500)]
    assert found("\n".join(rows)) == []


def test_of_finds_that_overlap_the_longest_gives_the_name() -> None:
    assert one("DE89 3704 0044 0532 0130 00")[0] == "iban"
    assert one("ann@192.0.2.1.example.org")[0] == "email"


def test_the_spans_say_what_but_never_the_value() -> None:
    (span,) = personal_data("mail ann@example.org").spans
    assert (span.label, span.rule) == ("an e-mail address", "email")
    assert personal_data.id == "personal_data"
    assert "check digit" in personal_data.doc


@given(st.text("0123456789", min_size=1, max_size=18))
def test_luhn_and_verhoeff_have_one_right_digit_and_see_each_wrong_one(body: str) -> None:
    for valid in (check_digits.luhn, check_digits.verhoeff):
        (right,) = [digit for digit in "0123456789" if valid(body + digit)]
        wrong = body[:-1] + str((int(body[-1]) + 1) % 10) + right
        assert not valid(wrong)


@given(st.text("0123456789", min_size=2, max_size=18))
def test_verhoeff_sees_neighbours_that_changed_places(body: str) -> None:
    (right,) = [digit for digit in "0123456789" if check_digits.verhoeff(body + digit)]
    swapped = body[:-2] + body[-1] + body[-2] + right
    assert body[-1] == body[-2] or not check_digits.verhoeff(swapped)


@given(st.integers(0, 24), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
def test_a_wallets_checksum_sees_one_wrong_character(at: int, other: str) -> None:
    right = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
    assert base58check(right)
    assert base58check(right[: at + 2] + other + right[at + 3 :]) == (right[at + 2] == other)
    segwit = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
    assert bech32(segwit)
    assert bech32(segwit.upper())
    assert not bech32(segwit[:10] + segwit[10:].upper())


@given(st.text(max_size=300))
@settings(deadline=None)
def test_every_text_has_an_answer(text: str) -> None:
    for span in personal_data(text).spans:
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "a@", "a@b.", "+49 3", "DE89", "1.1.1.1 ", "A0", "Aa ", "lives 1 Aa ", "2a:", "<P"]
)
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    before = time.process_time()
    found(text)
    assert time.process_time() - before < 3
