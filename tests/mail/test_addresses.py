"""MAI-02, P19: exactly one ASCII addr-spec of at most 254 characters goes into an SMTP command."""

from __future__ import annotations

import pytest

from flasky.mail.addresses import InvalidAddress, clean_address, split_sender

ACCEPTED = {
    "ann@example.com": "ann@example.com",
    "Ann.Smith@example.com": "Ann.Smith@example.com",
    "ann+tag@example.com": "ann+tag@example.com",
    "ann_b@example.com": "ann_b@example.com",
    "ann-b@example.com": "ann-b@example.com",
    "a@example.co.uk": "a@example.co.uk",
    "1234567890@qq.com": "1234567890@qq.com",
    "o'brien@example.com": "o'brien@example.com",
    "a!#$%&'*+/=?^_`{|}~b@example.com": "a!#$%&'*+/=?^_`{|}~b@example.com",
    "ann@EXAMPLE.com": "ann@example.com",
    "ann@sub.domain.example.com": "ann@sub.domain.example.com",
    "ann@xn--fsqu00a.com": "ann@xn--fsqu00a.com",
    "ann@例子.com": "ann@xn--fsqu00a.com",
    "ann@bücher.example": "ann@xn--bcher-kva.example",
    "ann@BÜCHER.example": "ann@xn--bcher-kva.example",
    "ann@example。com": "ann@example.com",
    "{7*7}@example.com": "{7*7}@example.com",
    f"{'a' * 64}@example.com": f"{'a' * 64}@example.com",
}

REFUSED = [
    "",
    " ",
    "@",
    "ann",
    "ann@",
    "@example.com",
    "ann@@example.com",
    "ann@b@example.com",
    "ann@example",
    "ann@localhost",
    "ann@127.0.0.1",
    "ann@[127.0.0.1]",
    "ann@[IPv6:::1]",
    "ann@.example.com",
    "ann@example..com",
    "ann@example.com.",
    "ann@-example.com",
    "ann@example-.com",
    "ann@exa_mple.com",
    "ann@exam ple.com",
    ".ann@example.com",
    "ann.@example.com",
    "an..n@example.com",
    "-ann@example.com",
    "-oQ/tmp@example.com",
    "--help@example.com",
    "|cat@example.com",
    "/etc/passwd@example.com",
    "ann b@example.com",
    " ann@example.com",
    "ann@example.com ",
    "ann\t@example.com",
    "ann@example.com\n",
    "ann@example.com\r\nBcc: eve@example.com",
    "ann@example.com\nRCPT TO:<eve@example.com>",
    "ann@example.com\r",
    "ann\x00@example.com",
    "ann@example.com\x00",
    "ann\x0b@example.com",
    "ann\x85@example.com",
    "ann\u2028@example.com",
    "ann\u2029@example.com",
    "ann\u200b@example.com",
    "ann\u202e@example.com",
    "ann\ufeff@example.com",
    "ann\x7f@example.com",
    "ann\ud800@example.com",
    "ann@exam\u00adple.com",
    "a@example.com,b@example.com",
    "a@example.com, b@example.com",
    "a@example.com;b@example.com",
    "a@example.com b@example.com",
    "a@example.com>,<b@evil.com",
    "<ann@example.com>",
    "Ann <ann@example.com>",
    "Ann<ann@example.com>",
    '"Ann"@example.com',
    '"ann b"@example.com',
    '"a@example.com,b"@example.com',
    '"ann\\"@example.com',
    "ann\\@example.com",
    "ann(comment)@example.com",
    "ann@example.com(comment)",
    "friends:ann@example.com",
    "@relay.com:ann@example.com",
    "mailto:ann@example.com",
    "ünï@example.com",
    "胡同@example.com",
    "ann＠example.com",
    "ann@exa<b>mple.com",
    "ann@example.com?subject=x",
    "ann@example.com#x",
    f"{'a' * 65}@example.com",
    f"ann@{'a' * 64}.com",
    f"ann@{'.'.join(['a' * 60] * 5)}.com",
    f"{'a' * 64}@{'.'.join(['例' * 12] * 8)}.com",
    None,
    5,
    ["ann@example.com"],
    ("a@example.com", "b@example.com"),
    b"ann@example.com",
]


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) >= 80


@pytest.mark.parametrize(("text", "cleaned"), ACCEPTED.items())
def test_an_address_is_accepted_in_one_clean_form(text: str, cleaned: str) -> None:
    assert clean_address(text) == cleaned
    assert clean_address(cleaned) == cleaned
    assert cleaned.isascii()
    assert len(cleaned) <= 254


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_is_not_one_address_is_refused_with_a_sentence(text: object) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        clean_address(text)
    sentence = str(refusal.value)
    assert sentence[0].isupper()
    assert "${" not in sentence
    assert refusal.value.reason.domain == "flasky"


def test_a_sender_is_a_name_and_an_address() -> None:
    assert split_sender("Flasky Admin <flasky@example.com>") == ("Flasky Admin", "flasky@example.com")
    assert split_sender("flasky@example.com") == ("", "flasky@example.com")
    assert split_sender("胡同 <hutong@例子.com>") == ("胡同", "hutong@xn--fsqu00a.com")
