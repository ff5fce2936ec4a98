"""Phone numbers as people write them."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneNumberFormat

from ..errors import InvalidInput

MAX_TEXT = 64
"""Characters of a written number that are looked at."""

_BETWEEN = str.maketrans("", "", " \t\u00a0\u202f-\u2010\u2011()./")
_NUMBER = re.compile(r"\+?([0-9]{5,15})")
_COUNTRY_CODES = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
_LONGEST_CODE = 3


def phone_digits(text: str) -> str | None:
    """The digits of a number with its country code; None when the text is no such number.

    A leading plus, blanks, dashes, dots, slashes and parentheses are allowed.
    """
    if len(text) > MAX_TEXT:
        return None
    found = _NUMBER.fullmatch(text.strip().translate(_BETWEEN))
    return None if found is None else found[1]


def format_number(digits: str) -> str:
    """A number in groups, as its country writes it: `+49 1512 3456789`.

    Args:
        digits: with the country code. Without one that is known they are not grouped.
    """
    number = _parsed(digits)
    if number is None:
        return f"+{digits}"
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def country_code(digits: str) -> str:
    """The country code of a number, such as `351`.

    Raises:
        InvalidInput: the digits begin with no country code.
    """
    number = _parsed(digits)
    if number is not None:
        return str(number.country_code)
    for length in range(1, _LONGEST_CODE + 1):
        if digits[:length] in _COUNTRY_CODES:
            return digits[:length]
    raise InvalidInput("the number has no country code that is known")


def _parsed(digits: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(f"+{digits}")
    except NumberParseException:
        return None
