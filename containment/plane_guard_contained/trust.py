"""The certificate authority of one run, and the ways in which clients are told to trust it.

Its key exists in memory only. The files hold certificates, and are deleted after the run.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.x509 import Certificate

_DAYS = 30
_NAME = "plane-guard contained run"
_BUNDLE, _AUTHORITY, _JAVA = "ca-bundle.pem", "ca.pem", "cacerts.p12"
_JAVA_PASSWORD = b"changeit"
# What OpenSSL, GnuTLS, Go and others read if no variable names another file.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/cert.pem",
)
_SOURCES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT", "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO", "NIX_SSL_CERT_FILE", "DENO_CERT", "PRIMP_CA_BUNDLE", "CA_CERT_FILE",
)  # fmt: skip
_NODE_VARIABLE = "NODE_EXTRA_CA_CERTS"
_JAVA_VARIABLE = "JAVA_TOOL_OPTIONS"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: certificate and key as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """The files that clients read."""

    bundle: Path
    authority: Path
    java: Path


def create() -> Authority:
    """Create the authority of a run."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def trusted_before(environ: Mapping[str, str]) -> Path | None:
    """Return the bundle that this environment trusts: the one of a variable, or the system's."""
    named = [environ[name] for name in _SOURCES if environ.get(name)]
    return next((Path(path) for path in (*named, *SYSTEM_BUNDLES) if os.path.isfile(path)), None)


def write(authority: Authority, folder: Path, environ: Mapping[str, str]) -> TrustFiles:
    """Write the files that make clients trust the authority in addition to what they trust already."""
    source = trusted_before(environ)
    before = source.read_bytes() if source is not None else b""
    files = TrustFiles(folder / _BUNDLE, folder / _AUTHORITY, folder / _JAVA)
    files.bundle.write_bytes(before + b"\n" + authority.certificate)
    extra = environ.get(_NODE_VARIABLE, "")
    more = Path(extra).read_bytes() if os.path.isfile(extra) else b""
    files.authority.write_bytes(more + b"\n" + authority.certificate)
    files.java.write_bytes(_java_store(before + b"\n" + authority.certificate))
    return files


def variables(files: TrustFiles, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name the files to clients."""
    options = f"-Djavax.net.ssl.trustStore={files.java} -Djavax.net.ssl.trustStoreType=PKCS12"
    password = f"-Djavax.net.ssl.trustStorePassword={_JAVA_PASSWORD.decode()}"
    java = f"{environ.get(_JAVA_VARIABLE, '')} {options} {password}".strip()
    found = dict.fromkeys(_BUNDLE_VARIABLES, str(files.bundle))
    return {**found, _NODE_VARIABLE: str(files.authority), _JAVA_VARIABLE: java}


def covers(files: TrustFiles) -> list[tuple[str, str]]:
    """Return the system's bundles, to be covered by ours inside the namespace: some clients read no variable."""
    targets = {os.path.realpath(path) for path in SYSTEM_BUNDLES if os.path.isfile(path)}
    return [(str(files.bundle), target) for target in sorted(targets)]


def _java_store(bundle: bytes) -> bytes:
    """Return a trust store for Java, in the form that it takes for its own."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    certificates: list[Certificate] = []
    for block in bundle.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        try:
            certificates.append(x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + block))
        except ValueError:
            continue
    entries = [pkcs12.PKCS12Certificate(one, f"trusted-{at}".encode()) for at, one in enumerate(certificates)]
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(_JAVA_PASSWORD))
