"""Keys, certificates, signatures and sealed resources of the payment platform (fact sheet 9)."""

import base64
import datetime as dt
import functools
import os

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from simulator.pay_state import PlatformKey

YEARS = 5


@functools.lru_cache(maxsize=64)
def make_key(slot: str) -> rsa.RSAPrivateKey:
    """The RSA key of a slot: the same one while the process lives, so that a new world need not wait for keys."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_certificate(slot: str, name: str, at: float) -> PlatformKey:
    """A key with a certificate of five years."""
    key = make_key(slot)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = dt.datetime.fromtimestamp(at, dt.UTC)
    end = begin + dt.timedelta(days=365 * YEARS)
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), serial, begin, end)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    return PlatformKey(f"{serial:040X}", certificate, _private_pem(key), at, end.timestamp())


def make_key_pair(slot: str) -> tuple[str, str]:
    """Private and public key as PEM."""
    key = make_key(slot)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _private_pem(key), public.decode()


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def sign(private_key: str, *lines: str) -> str:
    """RSA-SHA256 over the lines, each with its newline; base64."""
    message = "".join(f"{line}\n" for line in lines).encode()
    return base64.b64encode(_private(private_key).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(certificate: str, signature: str, *lines: str) -> bool:
    """Whether the certificate's owner signed the lines."""
    message = "".join(f"{line}\n" for line in lines).encode()
    try:
        _public(certificate).verify(
            base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=64)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@functools.lru_cache(maxsize=64)
def _public(certificate: str) -> rsa.RSAPublicKey:
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def seal(api_v3_key: str, text: str, associated_data: str) -> dict[str, str]:
    """AEAD_AES_256_GCM under the merchant's APIv3 key: ciphertext with tag, nonce, associated data."""
    nonce = base64.b32encode(os.urandom(10)).decode()[:12]
    sealed = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), text.encode(), associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": associated_data,
        "nonce": nonce,
    }
