"""A key that stays on a PKCS#11 token: opened with its PIN for the length of one signature, and closed again.

Refuses a token that is not there or not the only one of its name, a PIN that is wrong, a key or certificate that is
absent or there twice. The PIN stands in no message: it goes to the maker's module and nowhere else.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from asn1crypto import x509

from portal.packages.signing.faults import NotSigned

try:
    import pkcs11
    from pkcs11 import Attribute, Mechanism, ObjectClass, TokenFlag, exceptions
    from pyhanko.sign.pkcs11 import PKCS11Signer
except ImportError:  # it is there where a token is used: requirements-token.txt
    pkcs11 = None

#: A module knows one login for all sessions of a process, so one signature follows the other.
_alone = threading.Lock()
NO_LIBRARY = ".venv/bin/pip install --require-hashes -r requirements-token.txt"


@contextmanager
def opened(told: dict[str, str], pin: str) -> "Iterator[tuple[PKCS11Signer, tuple[x509.Certificate, ...]]]":
    """The signer of the token that the settings name, and the chain above its certificate, for the block. Raises NotSigned."""
    if pkcs11 is None:
        raise NotSigned("A PKCS#11 module is named, but the library for it is missing.", help=f"Run {NO_LIBRARY}.")
    if not told["label"]:
        raise NotSigned("No key of the token is named.", help="Set CLEARHOLD_SIGN_PKCS11_LABEL to the label of key and certificate.")  # fmt: skip
    with _alone, _named(told["pkcs11"]):
        token = _token(_there(told["pkcs11"]), told)
        with token.open(user_pin=_pin(token, pin)) as session:
            yield _signer(session, told["label"])


def _there(module: str) -> list[Any]:
    """The tokens that can be read now; the module looks anew."""
    try:
        library = pkcs11.lib(module)
        library.reinitialize()
    except (RuntimeError, OSError) as fault:
        raise NotSigned(f"The PKCS#11 module {module} cannot be loaded: {type(fault).__name__}.", help="Correct CLEARHOLD_SIGN_PKCS11, then print the sealed file again.") from fault  # fmt: skip
    tokens = []
    for slot in library.get_slots(token_present=True):
        with suppress(exceptions.TokenNotPresent, exceptions.TokenNotRecognised):
            tokens.append(slot.get_token())
    return [token for token in tokens if TokenFlag.TOKEN_INITIALIZED in token.flags]


def _token(there: list[Any], told: dict[str, str]) -> Any:
    """The one token of that label and serial number."""
    found = [
        token
        for token in there
        if told["token"] in ("", token.label) and told["serial"].lower() in ("", _serial(token).lower())
    ]
    if len(found) == 1:
        return found[0]
    wanted = " and ".join(
        f"the {word} “{told[name]}”" for name, word in (("token", "label"), ("serial", "serial number")) if told[name]
    )
    if not found:
        named = f" with {wanted}" if wanted else ""
        raise NotSigned(
            f"No PKCS#11 token{named} is there.",
            help="Put it in, or correct CLEARHOLD_SIGN_PKCS11_TOKEN and …_SERIAL, then print the sealed file again.",
        )
    listed = ", ".join(sorted(_serial(token) for token in found))
    raise NotSigned(
        f"{len(found)} PKCS#11 tokens are there{f' with {wanted}' if wanted else ''}; their serial numbers are {listed}.",
        help="Name the one with CLEARHOLD_SIGN_PKCS11_SERIAL, then print the sealed file again.",
    )


def _serial(token: Any) -> str:
    return bytes(token.serial).decode("ascii", "replace").strip()


def _pin(token: Any, pin: str) -> Any:
    if pin:
        return pin
    if TokenFlag.PROTECTED_AUTHENTICATION_PATH in token.flags:
        return pkcs11.PROTECTED_AUTH
    if TokenFlag.LOGIN_REQUIRED in token.flags:
        raise NotSigned("The token asks for its PIN, and none is set.", help="Set CLEARHOLD_SIGN_PASSPHRASE_FILE to a file with the PIN.")  # fmt: skip
    return None


def _signer(session: Any, label: str) -> "tuple[PKCS11Signer, tuple[x509.Certificate, ...]]":
    keys = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}))
    _only(keys, f"private key “{label}”")
    own, others = [], []
    for each in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        certificate = x509.Certificate.load(each[Attribute.VALUE])
        (own if each[Attribute.LABEL] == label else others).append(certificate)
    _only(own, f"certificate “{label}”")
    chain = _chain(own[0], others)
    # Not every module hashes for an elliptic curve; each signs a hash that was made here.
    is_raw = own[0].public_key.algorithm == "ec" and Mechanism.ECDSA_SHA256 not in session.token.slot.get_mechanisms()
    signer = PKCS11Signer(session, key_label=label, signing_cert=own[0], ca_chain=chain, use_raw_mechanism=is_raw)
    return signer, chain


def _only(found: list[Any], what: str) -> None:
    if not found:
        raise NotSigned(f"The token holds no {what}.", help="Correct CLEARHOLD_SIGN_PKCS11_LABEL, then print the sealed file again.")  # fmt: skip
    if len(found) > 1:
        raise NotSigned(f"The token holds the {what} {len(found)} times.", help="Give each key a label of its own.")


def _chain(certificate: x509.Certificate, others: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """From the issuer upward. What else the token holds is nobody's business."""
    chain: list[x509.Certificate] = []
    below = certificate
    while above := next(
        (each for each in others if each.subject == below.issuer and each not in (below, *chain)), None
    ):
        chain.append(above)
        below = above
    return tuple(chain)


@contextmanager
def _named(module: str) -> Iterator[None]:
    """What a maker's module raises, in words."""
    try:
        yield
    except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange) as fault:
        raise NotSigned(
            "The token refuses the PIN that is set.",
            help="Correct CLEARHOLD_SIGN_PASSPHRASE_FILE before you try again: a token locks itself after a few wrong PINs.",
        ) from fault
    except exceptions.PinLocked as fault:
        raise NotSigned("The PIN of the token is locked.", help="Unlock it with the tools of its maker.") from fault
    except exceptions.PKCS11Error as fault:
        raise NotSigned(
            f"The PKCS#11 token or its module {module} does not do what is asked: {type(fault).__name__}.",
            help="See that the token is in its place and its module runs, then print the sealed file again.",
        ) from fault
