"""Writes a certificate to a token, whatever its size, which pkcs11-tool does not.

Run by softhsm.py: python -m tests.stack.write_certificate MODULE TOKEN PIN FILE ID LABEL
"""

from __future__ import annotations

import sys
from pathlib import Path

import pkcs11
from cryptography import x509
from pkcs11 import Attribute, CertificateType, ObjectClass


def main() -> None:
    module, token, pin, file, key_id, label = sys.argv[1:]
    der = Path(file).read_bytes()
    with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin) as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.PRIVATE: False,
                Attribute.ID: bytes.fromhex(key_id),
                Attribute.LABEL: label,
                Attribute.SUBJECT: x509.load_der_x509_certificate(der).subject.public_bytes(),
                Attribute.VALUE: der,
            }
        )


main()
