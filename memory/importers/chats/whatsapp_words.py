"""What WhatsApp itself writes into a chat, by language: English, German, Spanish, Portuguese, French, Italian, Chinese.

Notices are told by words that stand at a fixed place in them, and only in lines that no person can have written (those
without a sender, or with the mark that iOS puts before its own words), so that "Ada left early" stays.
"""

from __future__ import annotations

import re
from pathlib import PurePath

ENCRYPTION = re.compile(
    r"end-to-end[\s-]*encrypted|Ende-zu-Ende-verschlüsselt|cifrad[oa]s? de extremo a extremo"
    r"|(?:criptografia|criptografadas|encriptadas|protegidas).{0,30}(?:de )?ponta a ponta|chiffré[es]* de bout en bout"
    r"|crittografat[ie] end-to-end|crittografia end-to-end|端到端加密|端對端加密|点对点加密",
    re.IGNORECASE,
)
_NOTICES = re.compile(
    "|".join(
        (
            # English
            r"\b(created (this )?group|added (you|\S.*)|was added|removed (you|\S.*)|left( the group)?|joined using"
            r"|changed (the|this|their|to|from|your)\b.*|security code.*changed|(you're|you are) now an admin"
            r"|pinned a message|turned (on|off) disappearing|blocked this contact|unblocked this contact"
            r"|missed (voice|video|group) .*call|missed call|requested to join|deleted this group)\b",
            r"^(missed|silenced) .*call|^waiting for this message|^(voice|video) call\b",
            # German
            r"hat .*(Gruppe .*erstellt|hinzugefügt|entfernt|geändert|gewechselt)|hat die Gruppe verlassen"
            r"|wurde hinzugefügt|hast .*(erstellt|hinzugefügt|entfernt|geändert)|ist .*beigetreten"
            r"|(hat|hast) .*verlassen"
            r"|Sicherheitsnummer .*geändert|^Verpasster? .*anruf|(hat|hast) .*blockiert|^(Sprach|Video)anruf",
            # Spanish
            r"\b(cre(ó|aste) (el|este) grupo|añadi(ó|ste)\b|se añadió|elimin(ó|aste) a|sali(ó|ste)( del grupo)?\b"
            r"|cambi(ó|aste) (el|la|su|a|de|tu|este)\b|se unió|código de seguridad .*cambió|ahora eres admin)",
            r"^(llamada|videollamada) .*perdida|^Bloqueaste",
            # Portuguese
            r"\b(cri(ou|aste|ei) o grupo|criou (este )?grupo|adicion(ou|ei|aste)\b|foi adicionad|remov(eu|i|este)\b"
            r"|sa(iu|í|íste)( do grupo)?$|mud(ou|ei|aste) (o|a|de|para|este)\b|alterou|entrou usando"
            r"|código de segurança .*mudou)",
            r"^(chamada|ligação) .*perdida|^Você (bloqueou|adicionou|criou|saiu|removeu|mudou)",
            # French
            r"\b(a créé (le |ce )?groupe|avez créé|a ajouté|avez ajouté|a été ajouté|a retiré|a quitté( le groupe)?"
            r"|est parti|a changé|a modifié|avez modifié|a rejoint|code de sécurité .*changé)",
            r"^appel (vocal|vidéo|manqué|en absence)|^Vous avez bloqué",
            # Italian
            r"\bha (creato (il |questo )?gruppo|aggiunto|rimosso|abbandonato|lasciato|cambiato|modificato)\b"
            r"|\bhai (creato|aggiunto|rimosso|abbandonato|cambiato|modificato)\b|è stat[oa] aggiunt|si è unit"
            r"|codice di sicurezza .*cambiat",
            r"^(chiamata|videochiamata) .*persa|^Hai bloccato",
            # Chinese
            r"创建了.*群|建立了.*群|添加了|已?加入(了)?(本)?群|移除了|退出了?(本)?群|离开了|离开群|更改了|更换了|修改了"
            r"|安全(码|代码)已|未接(语音|视频|来电|听)|建立群組|退出群組|已將",
        )
    ),
    re.IGNORECASE,
)
_OMITTED = re.compile(
    r"<(Media omitted|Medien (?:ausgeschlossen|weggelassen)|Multimedia omitido|Archivo omitido|Arquivo de mídia oculto"
    r"|Mídia oculta|Mídia omitida|Ficheiro não revelado|Médias? omis|Fichier omis|Media omess[io]|媒体文件已省略"
    r"|省略多媒体文件|忽略多媒体文件|媒體已略去|已忽略媒体文件)>",
    re.IGNORECASE,
)
_OMITTED_KIND = re.compile(
    r"(image|photo|Bild|Foto|imagen|foto|imagem|immagine|图像|图片|照片|圖片"
    r"|video note|video|Video|vídeo|vidéo|视频|影片|GIF|audio|Audio|áudio|音频|語音訊息|语音"
    r"|sticker|Sticker|figurinha|贴图|表情|document|Dokument|documento|文档|文件"
    r"|contact card|Kontaktkarte|tarjeta de contacto"
    r"|Contact|carte de contact|scheda contatto|cartão de contato|名片|联系人卡片)"
    r"\s?(omitted|weggelassen|ausgeschlossen|omitid[oa]|ocultad[oa]|omis[e]?|absente?|omess[oa]|已?忽略|已?省略|已略去)",
    re.IGNORECASE,
)
_ATTACHED = re.compile(
    r"<(?:attached|Anhang|adjunto|anexado|pièce jointe|allegato|附件)\s?[:：]\s?(?P<ios>[^>]+)>"
    r"|(?P<android>\S[^\n]*\.\w{2,5})\s[(（](?:file attached|Datei angehängt|archivo adjunto|arquivo anexado"
    r"|ficheiro anexado|fichier joint|file allegato|文件附件|附件|檔案附件)[)）]",
    re.IGNORECASE,
)
_DELETED = re.compile(
    r"(This message was deleted|You deleted this message"
    r"|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht"
    r"|(Este mensaje fue eliminado|Se eliminó este mensaje|Eliminaste este mensaje)"
    r"|(Mensagem apagada|Esta mensagem foi apagada|Você apagou esta mensagem)"
    r"|(Ce message a été supprimé|Vous avez supprimé ce message)"
    r"|(Questo messaggio è stato eliminato|Hai eliminato questo messaggio)"
    r"|(此消息已删除|此消息已被删除|您已删除此消息|你已删除这条消息|此訊息已刪除))[.。]?(?: by admin \S.*)?",
    re.IGNORECASE,
)
EDITED = re.compile(
    r"\s?<(This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje|Mensagem editada"
    r"|Ce message a été modifié|Questo messaggio è stato modificato|此消息已编辑|此消息已经过编辑)>",
    re.IGNORECASE,
)
_KINDS = (
    ("photo", "image photo bild foto imagen imagem immagine 图像 图片 照片 圖片"),
    ("video", "video vídeo vidéo 视频 影片"),
    ("animation", "gif"),
    ("audio", "audio áudio 音频 語音訊息 语音"),
    ("sticker", "sticker figurinha 贴图 表情"),
    ("document", "document dokument documento 文档 文件"),
)
_ENDINGS = {
    "photo": (".jpg", ".jpeg", ".png", ".heic"),
    "sticker": (".webp",),
    "video": (".mp4", ".mov", ".3gp"),
    "voice message": (".opus",),
    "audio": (".m4a", ".mp3", ".aac", ".amr"),
}


def is_notice(text: str) -> bool:
    """Whether the program says it: given only what no person can have typed, or what stands for a sender's name."""
    return bool(_NOTICES.search(text) or ENCRYPTION.search(text))


def placeholder(line: str, *, marked: bool) -> str | None:
    """What stands for a file; empty for a deleted message, None for what somebody typed.

    :param marked: the program wrote the line by its mark, so that "image omitted" is no remark about one
    """
    if _DELETED.fullmatch(line):
        return ""
    if _OMITTED.fullmatch(line):
        return "[media]"
    if attached := _ATTACHED.fullmatch(line):
        return _of_file(attached.group("ios") or attached.group("android"))
    found = _OMITTED_KIND.fullmatch(line.rpartition("•")[2].strip()) if marked or len(line) < 40 else None
    return f"[{_kind(found.group(1))}]" if found else None


def _of_file(name: str) -> str:
    ending = PurePath(name.strip()).suffix.lower()
    kind = next((kind for kind, endings in _ENDINGS.items() if ending in endings), None)
    return f"[{kind}]" if kind else f"[file: {name.strip()}]"


def _kind(word: str) -> str:
    return next(
        (kind for kind, words in _KINDS if word.casefold() in words.split()), "contact" if "ont" in word else "media"
    )
