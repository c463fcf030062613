"""NHS numbers: ten digits, the last a check digit. Pure. Source: NHS data standard, modulus 11."""

import re

_SEPARATORS = re.compile(r"[\s-]+")


def normalised(text: str) -> str | None:
    """Ten digits without separators, or None where it is not a valid NHS number.

    Weights 10 … 2 on the first nine digits; 11 − (sum mod 11) is the check digit, 11 counting as 0 and 10 as invalid.
    Ten equal digits pass the sum and are refused.
    """
    digits = _SEPARATORS.sub("", text)
    if not re.fullmatch(r"[0-9]{10}", digits) or len(set(digits)) == 1:
        return None
    total = sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True))
    check = (11 - total % 11) % 11
    return digits if check == int(digits[9]) else None
