"""Sentences as people write them in notes, with the encodings that old programs of their countries save them in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """Lines of one language."""

    name: str
    encodings: tuple[str, ...]
    lines: tuple[str, ...]
    """Short notes of one line."""

    @property
    def long(self) -> str:
        """All of them as one note."""
        return "\n".join(self.lines)


LANGUAGES = (
    Language(
        "German",
        ("cp1252",),
        (
            "Müllabfuhr ist jetzt dienstags",
            "Die Schlüssel hängen über der Tür.",
            "Für Jörg: Größe 42, Straße 7",
            "Nächste Woche früh zum Zahnarzt, danach Äpfel und Brötchen kaufen.",
            "Der Vermieter möchte die Küche im März streichen.",
        ),
    ),
    Language(
        "French",
        ("cp1252",),
        (
            "Rendez-vous à l'école demain",
            "Le code du portail a changé.",
            "Où est garée la voiture de Zoé ?",
            "J'ai rangé les clés derrière la boîte à thé, près de la fenêtre.",
            "Le plombier repassera après Noël, ça coûtera 80 euros.",
        ),
    ),
    Language(
        "Spanish",
        ("cp1252",),
        (
            "¿Dónde está el cargador?",
            "La señora Núñez viene mañana",
            "Cumpleaños de mamá: 3 de abril",
            "El médico dijo que la próxima revisión será dentro de un año.",
            "Compré piñas, limón y jabón.",
        ),
    ),
    Language(
        "Portuguese",
        ("cp1252",),
        (
            "Reunião às três na estação",
            "O pão está no armário",
            "Não esqueça a chave do João",
            "A inspeção do carro foi marcada para o mês que vem.",
            "São Paulo é a próxima viagem, já comprei a passagem de avião.",
        ),
    ),
    Language(
        "Swedish",
        ("cp1252",),
        (
            "Nyckeln ligger på hyllan",
            "Köp mjölk och ägg",
            "Mötet är på måndag klockan två",
            "Farmor fyller åttio år i början av februari.",
            "Båten står kvar vid bryggan över vintern.",
        ),
    ),
    Language(
        "Polish",
        ("cp1250", "iso8859-2"),
        (
            "Klucz leży pod doniczką",
            "Wizyta u lekarza w środę",
            "Kupić chleb, masło i żółty ser",
            "Hasło do sieci jest zapisane na ostatniej stronie książki.",
            "Babcia obchodzi urodziny w październiku, zamówić tort.",
        ),
    ),
    Language(
        "Czech",
        ("cp1250", "iso8859-2"),
        (
            "Klíče jsou u sousedů",
            "Příští úterý jedeme k babičce",
            "Heslo k síti je na ledničce",
            "Účet za elektřinu je třeba zaplatit do konce měsíce.",
            "Zítra přijde řemeslník opravit dveře.",
        ),
    ),
    Language(
        "Hungarian",
        ("cp1250", "iso8859-2"),
        (
            "A kulcs a virágcserép alatt van",
            "Szerdán orvoshoz kell menni",
            "Tűzifa kell télre, két köbméter",
            "A következő értekezlet jövő kedden délelőtt lesz.",
            "Vegyünk kenyeret, tejet és fűszereket.",
        ),
    ),
    Language(
        "Russian",
        ("cp1251", "koi8-r", "cp866"),
        (
            "Ключ под ковриком",
            "Встреча в среду в десять",
            "Купить хлеб, молоко и чай",
            "Пароль от сети записан на последней странице тетради.",
            "Бабушка приезжает в субботу утренним поездом.",
        ),
    ),
    Language(
        "Ukrainian",
        ("cp1251",),
        (
            "Ключі лежать під килимком",
            "Зустріч у п'ятницю о десятій",
            "Купити їжу для кота",
            "Її телефон змінився, новий номер записано на звороті.",
            "Наступного тижня їдемо до Львова.",
        ),
    ),
    Language(
        "Greek",
        ("cp1253",),
        (
            "Το κλειδί είναι κάτω από τη γλάστρα",
            "Ραντεβού την Τετάρτη",
            "Αγορά ψωμί και γάλα",
            "Ο κωδικός του δικτύου είναι στην τελευταία σελίδα.",
            "Η γιαγιά έχει γενέθλια τον Οκτώβριο.",
        ),
    ),
    Language(
        "Turkish",
        ("cp1254",),
        (
            "Anahtar saksının altında",
            "Çarşamba günü doktora gidiyoruz",
            "Ekmek, süt ve çay alınacak",
            "Ağ şifresi defterin son sayfasında yazıyor.",
            "Babaannemin doğum günü ekim ayında, pasta ısmarla.",
        ),
    ),
    Language(
        "Hebrew",
        ("cp1255",),
        (
            "המפתח מתחת לעציץ",
            "פגישה ביום רביעי בעשר",
            "לקנות לחם וחלב",
            "הסיסמה של הרשת כתובה בעמוד האחרון.",
            "לסבתא יש יום הולדת באוקטובר.",
        ),
    ),
    Language(
        "Arabic",
        ("cp1256",),
        (
            "المفتاح تحت السجادة",
            "الموعد يوم الأربعاء",
            "شراء الخبز والحليب",
            "كلمة مرور الشبكة مكتوبة في الصفحة الأخيرة.",
            "عيد ميلاد جدتي في شهر أكتوبر.",
        ),
    ),
    Language(
        "Chinese (simplified)",
        ("gb18030",),
        (
            "钥匙在花盆下面",
            "周三上午十点看牙医",
            "买牛奶和鸡蛋",
            "无线网络的密码写在笔记本最后一页。",
            "奶奶十月过生日，记得订蛋糕。",
        ),
    ),
    Language(
        "Chinese (traditional)",
        ("big5",),
        (
            "鑰匙在花盆下面",
            "週三上午十點看牙醫",
            "買牛奶和雞蛋",
            "無線網路的密碼寫在筆記本最後一頁。",
            "奶奶十月過生日，記得訂蛋糕。",
        ),
    ),
    Language(
        "Japanese",
        ("cp932", "euc-jp"),
        (
            "鍵は植木鉢の下にある",
            "水曜日の十時に歯医者",
            "牛乳と卵を買う",
            "無線のパスワードはノートの最後のページに書いてある。",
            "おばあちゃんの誕生日は十月、ケーキを予約する。",
        ),
    ),
    Language(
        "Korean",
        ("euc-kr",),
        (
            "열쇠는 화분 밑에 있다",
            "수요일 열 시에 치과",
            "우유와 달걀 사기",
            "무선 비밀번호는 공책 마지막 쪽에 적혀 있다.",
            "할머니 생신은 시월, 케이크 주문하기.",
        ),
    ),
)
