"""Secrets and personal data in a text: what must not be learned by heart, because weights can be made to recite it.

Presidio's recognisers with checksums, phonenumbers, detect-secrets' plugins for keys, and own patterns for what these
have none for: passwords in a sentence, Chinese numbers, streets with a house number beside a name. Nothing here needs a
language model, so names alone are not found (a first name in a chat is manner; a name with an address is not). It
fails closed: where one of the packages is missing or fails, there is no verdict but an error, and so no training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from memory.errors import FamiliarError
from memory.normal import searchable

EXTRA = "pip install 'familiar-assistant[filters]'"
_FLOOR = 0.4
"""Presidio's score from which on a finding counts: its own for a pattern that needs no words around it."""
_REGIONS = ("US", "GB", "DE", "CN")
"""Countries whose numbers are known without a country code; with one, all are."""

_MIXED = re.compile(r"(?<=[\u3400-\u9fff])(?=[!-~])|(?<=[!-~])(?=[\u3400-\u9fff])")
"""Where Chinese and Latin meet: the libraries look for the edge of a word, and Chinese has none."""
_FIRST_OF_PASSWORD = r"(?=[^\s,，。；;]*[\d#@!$%&*?_~^+=-])[^\s,，。；;]{3,}"
"""A word that is no word of a language: it holds a digit or a sign."""
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "password",
        re.compile(
            r"\b(?:pass(?:word|wd|code|phrase)?|pwd|pw|pin(?:\s+(?:code|number))?|(?:door|access|gate|alarm|vault)\s+code"
            r"|login)\b(?:\s+(?:for|of|to|at)\s[^.!?:=\n]{1,40}?)?\s*(?:\s(?:is|was)|[:=])\s*[\"'“‘`]?"
            + _FIRST_OF_PASSWORD,
            re.IGNORECASE,
        ),
    ),
    ("password", re.compile(r"\b(?:password|passwd|pwd|pw)\s*[:=]\s*\S{3,}", re.IGNORECASE)),
    (
        "password",
        re.compile(
            r"(?:密码|口令|暗号|验证码|激活码|pin码)(?:[^\s，。,？?！!]{0,6}?)?(?:是|为|[:：=])\s*[“\"'「]?(?=\S*[A-Za-z0-9])"
            r"[^\s，。？?、]{3,}",
            re.IGNORECASE,
        ),
    ),
    ("url with credentials", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{1,128}@", re.IGNORECASE)),
    (
        "token",
        re.compile(r"\bAuthorization:\s*(?:Bearer|Basic)\s+\S{12,}|-----BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE),
    ),
    (
        "token",
        re.compile(r"\b(?:sk|pk|rk)-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[A-Z0-9]{12,}"),
    ),
    (
        "token",
        re.compile(
            r"(?:api[ _-]?key|secret[ _-]?key|access[ _-]?token)\b\s*(?:is|[:=])\s*[\"']?\S{12,}", re.IGNORECASE
        ),
    ),
    ("token", re.compile(r"(?<![\w-])\d{8,10}:[A-Za-z0-9_-]{33,36}(?![\w-])")),
    # Not Presidio's: it asks the network for the list of domains.
    ("e-mail", re.compile(r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])", re.ASCII)),
    ("phone", re.compile(r"(?<![\d.])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)")),
    ("phone", re.compile(r"(?<!\d)0\d{2,3}[-—]\d{7,8}(?!\d)")),
    (
        "address",
        re.compile(
            r"\b\d{1,5}[A-Za-z]?\s+(?:[A-Z][\w'’]+\s+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd"
            r"|Way|Court|Place|Square|Terrace|Close|Crescent)\b"
        ),
    ),
    ("address", re.compile(r"\b[A-ZÄÖÜ][\wäöüß-]+(?:straße|strasse|weg|gasse|platz)\s+\d{1,4}[a-z]?\b")),
    (
        "address",
        re.compile(r"[\u4e00-\u9fff]{1,10}(?:路|街|道|巷|弄|大街)[东西南北中一二三四五六七八九十段]{0,3}\d{1,5}号"),
    ),
)
_RESIDENT_ID = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
)
_FACTORS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_KINDS = {
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "IP_ADDRESS": "ip",
    "US_SSN": "national id",
    "UK_NHS": "national id",
    "IT_FISCAL_CODE": "national id",
    "ES_NIF": "national id",
    "CRYPTO": "crypto",
}


class PersonalData:
    """Finds secrets and personal data; made once, used for many texts.

    :raises FamiliarError: a package is missing or can't be set up; the message names the extra
    """

    def __init__(self) -> None:
        try:
            self._analyze, self._secrets = _presidio(), _detect_secrets()
        except ImportError as exc:
            raise FamiliarError(
                f"nothing is trained without the filter of secrets and personal data; {exc.name} is missing: {EXTRA}"
            ) from exc
        except Exception as exc:
            raise FamiliarError(
                f"nothing is trained: the filter of secrets and personal data does not start ({exc}); {EXTRA}"
            ) from exc

    def find(self, text: str) -> tuple[str, ...]:
        """The kinds of secrets and personal data that a text holds, in alphabetical order.

        :raises FamiliarError: a detector failed, so that nothing can be said of the text
        """
        plain = searchable(text)
        spaced = _MIXED.sub(" ", plain)
        try:
            found = _own(plain) | self._analyze(spaced) | self._secrets(spaced)
        except Exception as exc:
            raise FamiliarError(
                f"nothing is trained: the filter of secrets failed ({type(exc).__name__}: {exc})"
            ) from exc
        return tuple(sorted(found))


def resident_id(number: str) -> bool:
    """Whether 18 characters are a Chinese resident number, by the check digit of GB 11643-1999."""
    total = sum(int(digit) * factor for digit, factor in zip(number[:17], _FACTORS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _own(text: str) -> set[str]:
    found = {kind for kind, pattern in _PATTERNS if pattern.search(text)}
    if any(resident_id(match.group()) for match in _RESIDENT_ID.finditer(text)):
        found.add("national id")
    return found


def _presidio() -> Callable[[str], set[str]]:
    """Presidio without any language model: only recognisers that read patterns and check sums."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    recognizers: Sequence[Any] = (
        *(known.IbanRecognizer(), known.CreditCardRecognizer(), known.IpRecognizer()),
        *(known.UsSsnRecognizer(), known.NhsRecognizer(), known.CryptoRecognizer()),
        known.PhoneRecognizer(supported_regions=_REGIONS, leniency=1),
        known.EsNifRecognizer(supported_language="en"),
        known.ItFiscalCodeRecognizer(supported_language="en"),
    )
    registry = RecognizerRegistry(recognizers=list(recognizers), supported_languages=["en"])
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
        default_score_threshold=_FLOOR,
    )

    def analyze(text: str) -> set[str]:
        results = engine.analyze(text, language="en", entities=list(_KINDS))
        return {_KINDS[item.entity_type] for item in results if _counts(item.entity_type, text[item.start : item.end])}

    return analyze


def _counts(kind: str, found: str) -> bool:
    """Whether a finding is one: short runs of digits are phone numbers somewhere in the world, but not in a talk."""
    return kind != "PHONE_NUMBER" or sum(sign.isdigit() for sign in found) >= 9


def _detect_secrets() -> Callable[[str], set[str]]:
    """The plugins of detect-secrets that know a key by its form; those by entropy find every hash and file name."""
    from detect_secrets.plugins import (
        artifactory,
        aws,
        azure_storage_key,
        basic_auth,
        discord,
        github_token,
        gitlab_token,
        jwt,
        mailchimp,
        npm,
        openai,
        private_key,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    plugins = (
        *(artifactory.ArtifactoryDetector(), aws.AWSKeyDetector(), azure_storage_key.AzureStorageKeyDetector()),
        *(basic_auth.BasicAuthDetector(), discord.DiscordBotTokenDetector(), github_token.GitHubTokenDetector()),
        *(gitlab_token.GitLabTokenDetector(), jwt.JwtTokenDetector(), mailchimp.MailchimpDetector()),
        *(npm.NpmDetector(), openai.OpenAIDetector(), private_key.PrivateKeyDetector(), pypi_token.PypiTokenDetector()),
        *(sendgrid.SendGridDetector(), slack.SlackDetector(), square_oauth.SquareOAuthDetector()),
        *(stripe.StripeDetector(), telegram_token.TelegramBotTokenDetector(), twilio.TwilioKeyDetector()),
    )

    def detect(text: str) -> set[str]:
        found = any(True for line in text.splitlines() for plugin in plugins for _ in plugin.analyze_string(line))
        return {"token"} if found else set()

    return detect
