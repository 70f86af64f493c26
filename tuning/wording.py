"""The language of a reply, and whether it insults: what the filters of taste ask of a text, without a language model.

English is judged by alt-profanity-check's linear model, which its package carries; it knows abuse and swearing, not
prejudice. For that, and for Chinese, there are patterns of our own: they find open insults and general statements
about groups of people, and miss what is only meant. `familiar eval filters` says how much they find.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from memory.errors import FamiliarError
from tuning.personal_data import EXTRA

SURE_TOXIC = 0.95
"""The model's probability from which on a reply is left out: mild swearing ("damn, that was good") lies around .9 and
is manner, abuse lies above .98."""
SURE_LANGUAGE = 0.9
_FEWEST_LETTERS = 20
"""A shorter Latin text ("lol yeah", "ok danke") is of no certain language and stays."""
_KANA, _HANGUL, _HAN = re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\uac00-\ud7af]"), re.compile(r"[\u3400-\u9fff]")
_CYRILLIC, _ARABIC, _LATIN = re.compile(r"[\u0400-\u04ff]"), re.compile(r"[\u0600-\u06ff]"), re.compile(r"[A-Za-zÀ-ɏ]")
_GROUP = (
    r"(?:women|girls|men|boys|immigrants|migrants|refugees|foreigners|muslims|jews|christians|gays?|gay people|lesbians"
    r"|homosexuals|trans people|black people|blacks|white people|asians|arabs|gypsies|old people|the elderly"
    r"|poor people|the poor|disabled people)"
)
_SLUR = (
    r"(?:too (?:dumb|stupid|weak|emotional)|stupid|dumb|lazy|dirty|criminals?|terrorists?|thieves|liars|disgusting"
    r"|vermin|animals|inferior|evil|sick|filthy|parasites|worthless|a (?:burden|plague|disease))"
)
_BIASED = re.compile(
    rf"\b(?:all |most )?{_GROUP} (?:are|were) (?:all |just |too |naturally |born )*{_SLUR}\b"
    rf"|\b{_GROUP} (?:can't|cannot|can not|shouldn't|should not) (?:drive|think|do|be trusted|lead|vote|work)\b"
    rf"|\b{_GROUP} (?:control|own|run) (?:all|everything|the (?:world|banks|media))\b"
    r"|\b(?:should|must|ought to) be (?:wiped out|exterminated|gassed|shot)\b",
    re.IGNORECASE,
)
_THREAT = re.compile(
    r"\b(?:go (?:and )?kill yourself|kys|(?:hope|wish) you (?:die|get cancer)|(?:nobody|no one) would miss you"
    r"|(?:you'?re|you are) (?:worthless|trash|garbage|vermin)|piece of (?:shit|trash|garbage))\b",
    re.IGNORECASE,
)
_INSULT_ZH = re.compile(
    r"[操肏艹日干][你尼]|他妈的?|[你尼]妈的|傻[逼比屄叉]|[煞沙]笔|贱人|贱货|婊子|王八蛋|混蛋|狗东西|滚蛋|滚开|蠢货|蠢猪|白痴|弱智|智障"
    r"|脑[子袋]?(?:进水|有病|残)|(?:你|这个?)废物|人渣|败类|[你他她](?:怎么|为什么)?不?去死|去死吧"
)
_GROUP_ZH = (
    r"(?:女人|女的|女生|男人|外地人|乡下人|农村人|穷人|老人|黑人|白人|外国人|移民|难民|穆斯林|犹太人|同性恋|残疾人)"
)
_BIASED_ZH = re.compile(
    rf"{_GROUP_ZH}(?:就是|都是|全是|天生|都|就)(?:很|太|会)?(?:不会|不配|没用|小偷|骗子|罪犯|恐怖分子|懒|脏|笨|蠢|变态|恶心|垃圾|累赘|低等)"
)
Toxic = Callable[[str], bool]
Language = Callable[[str], str | None]


def toxicity() -> Toxic:
    """Whether a text insults, threatens or speaks ill of a group.

    :raises FamiliarError: the package is missing
    """
    try:
        from profanity_check import predict_prob
    except ImportError as exc:
        raise FamiliarError(f"nothing is trained without the filter of toxic replies: {EXTRA}") from exc

    def toxic(text: str) -> bool:
        if any(pattern.search(text) for pattern in (_BIASED, _THREAT, _INSULT_ZH, _BIASED_ZH)):
            return True
        return bool(_LATIN.search(text)) and float(predict_prob([text])[0]) >= SURE_TOXIC

    return toxic


def language_detector() -> Language:
    """The language (ISO 639-1) of a text, by its script where that says it, else by py3langid; None where in doubt.

    :raises FamiliarError: the package is missing
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as exc:
        raise FamiliarError(f"[tuning] languages needs a detector of languages: {EXTRA}") from exc
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def language(text: str) -> str | None:
        by_script = script_language(text)
        if by_script is not None or not enough_letters(text):
            return by_script
        code, probability = identifier.classify(text)
        return str(code) if probability >= SURE_LANGUAGE else None

    return language


def script_language(text: str) -> str | None:
    """The language that a script alone tells: Japanese, Korean, Chinese; None for an alphabet that many share."""
    for code, script in (("ja", _KANA), ("ko", _HANGUL), ("zh", _HAN)):
        if script.search(text):
            # a Chinese word in an English sentence makes it no Chinese one
            return code if 2 * len(script.findall(text)) >= len(_LATIN.findall(text)) else None
    return None


def enough_letters(text: str) -> bool:
    """Whether an alphabetic text is long enough to be told from others."""
    return sum(len(script.findall(text)) for script in (_LATIN, _CYRILLIC, _ARABIC)) >= _FEWEST_LETTERS
