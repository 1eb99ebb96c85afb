"""One secret, a key for each purpose, and secrets that are being changed (CFG-03)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flasky.security.keys import Signer, derive_key

OLD = "8hTz2QmWcVxN4pLrKsJdYbGf6EaU9o3i"
NEW = "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6"


@pytest.fixture(scope="module")
def sites(make_doors):
    """The registries before, during and after a change of the secret."""
    return {
        "before": make_doors(flasky__secret_key=OLD).registry,
        "during": make_doors(flasky__secret_key=NEW, flasky__secret_key_fallbacks=OLD).registry,
        "after": make_doors(flasky__secret_key=NEW).registry,
    }


def test_cfg_03_the_derivation_is_hkdf_of_rfc_5869():
    """CFG-03: the same as another implementation of the standard computes."""
    expected = HKDF(algorithm=SHA256(), length=32, salt=b"flasky/1", info=b"csrf").derive(OLD.encode())

    assert derive_key(OLD, "csrf") == expected


def test_cfg_03_each_purpose_has_its_own_key(sites):
    """CFG-03: what is signed for one purpose means nothing for another."""
    signed = Signer(sites["before"], "confirm").sign("7")

    assert Signer(sites["before"], "confirm").verify(signed) == "7"
    assert Signer(sites["before"], "reset").verify(signed) is None


def test_cfg_03_an_old_secret_verifies_during_the_change_and_never_signs(sites):
    """CFG-03: rotate: what was signed lives on, then drops."""
    old = Signer(sites["before"], "session").sign("text")

    assert Signer(sites["during"], "session").verify(old) == "text"
    assert Signer(sites["after"], "session").verify(old) is None
    new = Signer(sites["during"], "session").sign("text")
    assert Signer(sites["after"], "session").verify(new) == "text"
    assert Signer(sites["before"], "session").verify(new) is None
    assert Signer(sites["during"], "csrf").matches("a", Signer(sites["before"], "csrf").digest("a"))


@pytest.mark.parametrize("text", ["", "a", "你好", "\0", "a.b.c", "\ud800", "x" * 5000])
def test_any_text_can_be_signed(sites, text):
    """And comes back as it was."""
    signer = Signer(sites["before"], "test")
    signed = signer.sign(text)

    assert signer.verify(signed) == text
    assert signed.replace("-", "").replace("_", "").replace(".", "").isalnum() or not text


def test_tok_03_no_mutation_of_a_signed_text_passes(sites):
    """TOK-03: each character changed, cut or doubled; and what was never signed."""
    signer = Signer(sites["before"], "test")
    signed = signer.sign("text")
    mutations = [signed[:i] + c + signed[i + 1 :] for i in range(len(signed)) for c in "Ax.-" if signed[i] != c]
    mutations += [signed[:i] for i in range(len(signed))] + [signed + c for c in "A.=\0"]
    mutations += ["", ".", "..", "a.b", "中.文", "\ud800.\ud800", "x" * 10000, signed.swapcase(), " " + signed]

    assert [mutation for mutation in mutations if signer.verify(mutation) is not None] == []
    assert not any(signer.matches("text", mutation) for mutation in mutations)


def test_cfg_03_no_secret_in_what_a_signer_shows(sites):
    """CFG-03: repr is for logs and error pages."""
    signer = Signer(sites["before"], "test")

    assert OLD not in repr(signer)
    assert derive_key(OLD, "test").hex() not in repr(vars(signer)).replace("\\x", "")
