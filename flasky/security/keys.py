"""One secret, a key derived from it for each purpose, and signing with them.

The derivation is HKDF with SHA-256 (RFC 5869). Old secrets (`flasky.secret_key_fallbacks`) verify but never sign.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.site import DEVELOPMENT_SECRET, get_site

_REGISTRY_KEY = "flasky.secrets"
_DIGEST = hashlib.sha256
#: The salt is fixed: it separates Flasky's keys from those of other programs that share a secret by mistake.
_SALT = b"flasky/1"


def includeme(config: Configurator) -> None:
    """Keep the site's secrets on the registry: the one that signs first, then those that only verify."""
    settings = get_site(config.registry).settings
    secret = settings["flasky.secret_key"] or DEVELOPMENT_SECRET
    config.registry[_REGISTRY_KEY] = (secret, *settings["flasky.secret_key_fallbacks"])


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for `purpose`, by HKDF-SHA256; nothing about `secret` or another purpose's key follows from them."""
    extracted = hmac.digest(_SALT, secret.encode(), _DIGEST)
    return hmac.digest(extracted, purpose.encode() + b"\x01", _DIGEST)


def derived_keys(registry: Registry, purpose: str) -> list[bytes]:
    """The site's keys for `purpose`: the current one first, then those of former secrets that are still accepted."""
    return [derive_key(secret, purpose) for secret in registry[_REGISTRY_KEY]]


class Signer:
    """Signs short texts for one purpose and tells whether a signed text is genuine."""

    def __init__(self, registry: Registry, purpose: str) -> None:
        self._keys = derived_keys(registry, purpose)

    def sign(self, text: str) -> str:
        """`text` as base64url, a dot, and its signature: fit for cookies and URLs."""
        body = _encode(text.encode("utf-8", "surrogatepass"))
        return f"{body}.{_mac(self._keys[0], body)}"

    def verify(self, signed: str) -> str | None:
        """The text that was signed, or None for anything that no key of this site signed."""
        body, dot, mac = signed.partition(".")
        if not dot or not signed.isascii():
            return None
        if not any(hmac.compare_digest(_mac(key, body), mac) for key in self._keys):
            return None
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "surrogatepass")

    def digest(self, text: str) -> str:
        """A keyed fingerprint of `text`, base64url."""
        return _mac(self._keys[0], text)

    def matches(self, text: str, digest: str) -> bool:
        """Whether `digest` is the fingerprint of `text` under any key of this site."""
        return any(
            hmac.compare_digest(_mac(key, text).encode(), digest.encode("utf-8", "surrogatepass")) for key in self._keys
        )


def _mac(key: bytes, text: str) -> str:
    return _encode(hmac.digest(key, text.encode(), _DIGEST))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
