"""Codes of places as the predicates over `service.jurisdictions` know them, and the nearest one to what is none."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from safecase.engines.nearest import nearest


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LAWS: Final = _codes("""
    EU EEA US CN JP KR TW VN AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO
""")
"""Places that laws of the catalogue are about: nearer than any other."""
_STATES: Final = _codes("""
    US-CA US-CO US-IL US-NY US-NYC US-TX US-UT US-AL US-AK US-AZ US-AR US-CT US-DE US-FL US-GA US-HI US-ID US-IN US-IA
    US-KS US-KY US-LA US-ME US-MD US-MA US-MI US-MN US-MS US-MO US-MT US-NE US-NV US-NH US-NJ US-NM US-NC US-ND US-OH
    US-OK US-OR US-PA US-RI US-SC US-SD US-TN US-VT US-VA US-WA US-WV US-WI US-WY US-DC US-AS US-GU US-MP US-PR US-UM
    US-VI
""")
_OTHERS: Final = _codes("""
    AD AE AF AG AI AL AM AO AQ AR AS AU AW AX AZ BA BB BD BF BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
    CG CH CI CK CL CM CO CR CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GB GD GE GF GG GH GI GL GM GN GP GQ
    GS GT GU GW GY HK HM HN HT ID IL IM IN IO IQ IR JE JM JO KE KG KH KI KM KN KP KW KY KZ LA LB LC LK LR LS LY MA MC
    MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MU MV MW MX MY MZ NA NC NE NF NG NI NP NR NU NZ OM PA PE PF PG PH PK PM
    PN PR PS PW PY QA RE RS RU RW SA SB SC SD SG SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN
    TO TR TT TV TZ UA UG UM UY UZ VA VC VE VG VI VU WF WS YE YT ZA ZM ZW
""")
KNOWN: Final = (*_LAWS, *_STATES, *_OTHERS)
"""ISO 3166-1 alpha-2, states of the United States by ISO 3166-2, New York City; EU and EEA."""

NAMES: Final = {
    "europe": "EU", "european union": "EU", "european economic area": "EEA", "ewr": "EEA",
    "uk": "GB", "el": "GR", "usa": "US", "prc": "CN", "rok": "KR", "ger": "DE", "deu": "DE", "fra": "FR", "chn": "CN",
    "jpn": "JP", "kor": "KR", "gbr": "GB", "aut": "AT", "che": "CH", "esp": "ES", "ita": "IT", "nld": "NL", "vnm": "VN",
    "united states": "US", "united states of america": "US", "america": "US", "united kingdom": "GB",
    "great britain": "GB", "england": "GB", "china": "CN", "japan": "JP", "korea": "KR", "south korea": "KR",
    "taiwan": "TW", "vietnam": "VN", "austria": "AT", "belgium": "BE", "bulgaria": "BG", "croatia": "HR",
    "cyprus": "CY", "czechia": "CZ", "czech republic": "CZ", "denmark": "DK", "estonia": "EE", "finland": "FI",
    "france": "FR", "germany": "DE", "deutschland": "DE", "greece": "GR", "hungary": "HU", "ireland": "IE",
    "italy": "IT", "latvia": "LV", "lithuania": "LT", "luxembourg": "LU", "malta": "MT", "netherlands": "NL",
    "holland": "NL", "poland": "PL", "portugal": "PT", "romania": "RO", "slovakia": "SK", "slovenia": "SI",
    "spain": "ES", "sweden": "SE", "iceland": "IS", "liechtenstein": "LI", "norway": "NO", "switzerland": "CH",
    "canada": "CA", "brazil": "BR", "india": "IN", "australia": "AU", "new zealand": "NZ", "singapore": "SG",
    "mexico": "MX", "turkey": "TR", "israel": "IL", "ukraine": "UA", "california": "US-CA", "colorado": "US-CO",
    "illinois": "US-IL", "new york": "US-NY", "new york city": "US-NYC", "nyc": "US-NYC", "texas": "US-TX",
    "utah": "US-UT",
}  # fmt: skip
"""What people write for a code, in small letters."""

_PART: Final = re.compile(r"([A-Za-z]{2,3})[-_/ ][A-Za-z0-9]{1,3}")


def is_known(place: str, said: Collection[str]) -> bool:
    """Say whether the laws know a place; a part of a country beside the country itself takes nothing away."""
    if place in KNOWN:
        return True
    part = re.fullmatch(r"([A-Z]{2})-[A-Z0-9]{1,3}", place)
    return part is not None and part[1] != "US" and part[1] in KNOWN and part[1] in said


def nearest_place(place: str) -> str:
    """Give the code that is meant; empty where none is near."""
    plain = re.sub(r"[\W_]+", " ", place[:80]).strip()
    if plain.upper().replace(" ", "-") in KNOWN:
        return plain.upper().replace(" ", "-")
    if plain.lower() in NAMES:
        return NAMES[plain.lower()]
    part = _PART.fullmatch(place)
    if part is not None:
        if part[1].upper() == "US":
            return nearest(place, _STATES) or "US"
        return part[1].upper() if part[1].upper() in KNOWN else nearest_place(part[1])
    if len(plain) <= 3:
        return nearest(plain, KNOWN) or ""
    return NAMES.get(nearest(plain.lower(), NAMES) or "", "")
