"""Phone numbers as people write them."""

from __future__ import annotations

import pytest

from waport.client.phone_numbers import country_code, format_number, phone_digits
from waport.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("15551234567", "15551234567"),
        ("+1 (555) 123-4567", "15551234567"),
        (" 49\u00a01512/345.6789 ", "4915123456789"),
        ("+44\u20117911\u2010123456", "447911123456"),
        ("12345", "12345"),
        ("1234", None),
        ("1" * 16, None),
        ("1 " * 40, None),
        ("++15551234567", None),
        ("1555+1234567", None),
        ("١٢٣٤٥٦٧٨", None),
        ("call me", None),
        ("15551234567@c.us", None),
        ("15551234567\n", "15551234567"),
        ("", None),
        ("+", None),
    ],
)
def test_only_digits_with_what_people_put_between_them_are_a_number(
    text: str, digits: str | None
) -> None:
    assert phone_digits(text) == digits


@pytest.mark.parametrize(
    ("digits", "text", "code"),
    [
        ("15557770000", "+1 555-777-0000", "1"),
        ("447911123456", "+44 7911 123456", "44"),
        ("351912345678", "+351 912 345 678", "351"),
        ("4915123456789", "+49 1512 3456789", "49"),
        ("5511987654321", "+55 11 98765-4321", "55"),
        ("79161234567", "+7 916 123-45-67", "7"),
        ("442", "+442", "44"),
    ],
)
def test_numbers_are_grouped_as_their_country_does_it(digits: str, text: str, code: str) -> None:
    assert (format_number(digits), country_code(digits)) == (text, code)


@pytest.mark.parametrize("digits", ["99999999999", "0123456", "999", "", "abc"])
def test_what_has_no_country_is_left_as_it_is(digits: str) -> None:
    assert format_number(digits) == f"+{digits}"
    with pytest.raises(InvalidInput):
        country_code(digits)
