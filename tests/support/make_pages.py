"""Writes ``tests/vectors/pages.zip``: 50 pages as the web has them, five kinds in ten languages, for the reader. Run it as a module.

Beside each page lies what a reader must find in it, and what of the frame around it (menus, banners, adverts) must not come along.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1] / "vectors" / "pages.zip"

# Language: encoding, title, three paragraphs, then what stands in the frame: menu, cookie banner, footer.
TEXTS = {
    "en": ("utf-8", "The bridge over the Tarn is open again",
           ["After four years of work the old stone bridge over the river was opened to walkers on Saturday morning.",
            "The engineers replaced eleven of its thirty arches and kept the rest as the monks had built them in 1284.",
            "Cars have to take the ring road until the spring, when the second lane will be finished as well."],
           ("Subscribe to our newsletter", "We and our 842 partners value your privacy", "All rights reserved by the publisher")),
    "es": ("iso-8859-1", "El puente sobre el Tajo vuelve a abrirse",
           ["Después de cuatro años de obras, el viejo puente de piedra se abrió el sábado a los peatones de la ciudad.",
            "Los ingenieros sustituyeron once de los treinta arcos y conservaron los demás tal como los hicieron los monjes.",
            "Los coches tendrán que rodear la ciudad hasta la primavera, cuando también estará listo el segundo carril."],
           ("Suscríbete a nuestro boletín", "Nosotros y nuestros 842 socios cuidamos tu privacidad", "Todos los derechos reservados")),
    "de": ("utf-8", "Die Brücke über die Lahn ist wieder offen",
           ["Nach vier Jahren Bauzeit wurde die alte steinerne Brücke am Samstagmorgen für Fußgänger freigegeben.",
            "Die Ingenieure ersetzten elf der dreißig Bögen und ließen die übrigen so, wie die Mönche sie gebaut hatten.",
            "Autos müssen bis zum Frühjahr die Umgehungsstraße nehmen; dann ist auch die zweite Spur fertig."],
           ("Jetzt Newsletter abonnieren", "Wir und unsere 842 Partner schätzen Ihre Privatsphäre", "Alle Rechte vorbehalten")),
    "fr": ("windows-1252", "Le pont sur le Lot est rouvert",
           ["Après quatre ans de travaux, le vieux pont de pierre a été rouvert aux piétons samedi dans la matinée.",
            "Les ingénieurs ont remplacé onze des trente arches et gardé les autres telles que les moines les avaient bâties.",
            "Les voitures devront contourner la ville jusqu’au printemps, quand la seconde voie sera achevée elle aussi."],
           ("Abonnez-vous à notre lettre", "Nous et nos 842 partenaires respectons votre vie privée", "Tous droits réservés")),
    "pt": ("utf-8", "A ponte sobre o Douro voltou a abrir",
           ["Depois de quatro anos de obras, a velha ponte de pedra foi aberta aos peões na manhã de sábado.",
            "Os engenheiros substituíram onze dos trinta arcos e mantiveram os outros como os monges os tinham feito.",
            "Os carros terão de contornar a cidade até à primavera, quando a segunda faixa também estiver pronta."],
           ("Assine o nosso boletim", "Nós e os nossos 842 parceiros valorizamos a sua privacidade", "Todos os direitos reservados")),
    "ru": ("windows-1251", "Мост через Оку снова открыт",
           ["После четырёх лет ремонта старый каменный мост через реку открыли для пешеходов в субботу утром.",
            "Инженеры заменили одиннадцать из тридцати арок и сохранили остальные такими, какими их построили монахи.",
            "Автомобилям до весны придётся ездить по объездной дороге, пока не будет готова вторая полоса."],
           ("Подпишитесь на рассылку", "Мы и наши 842 партнёра ценим вашу конфиденциальность", "Все права защищены")),
    "el": ("iso-8859-7", "Η γέφυρα στον Αχελώο άνοιξε ξανά",
           ["Μετά από τέσσερα χρόνια εργασιών η παλιά πέτρινη γέφυρα άνοιξε για τους πεζούς το πρωί του Σαββάτου.",
            "Οι μηχανικοί αντικατέστησαν έντεκα από τις τριάντα καμάρες και κράτησαν τις άλλες όπως τις έχτισαν οι μοναχοί.",
            "Τα αυτοκίνητα θα πρέπει να παρακάμπτουν την πόλη ως την άνοιξη, όταν θα είναι έτοιμη και η δεύτερη λωρίδα."],
           ("Εγγραφείτε στο ενημερωτικό δελτίο", "Εμείς και οι 842 συνεργάτες μας", "Με την επιφύλαξη παντός δικαιώματος")),
    "ja": ("shift_jis", "川に架かる石橋が再び開通",
           ["四年にわたる工事を経て、川に架かる古い石橋が土曜日の朝、歩行者に開放されました。多くの人が渡り初めを楽しみました。",
            "技術者たちは三十ある橋脚のうち十一を取り替え、残りは僧侶たちが建てたままの姿で残しました。費用は予算内に収まりました。",
            "自動車は春まで迂回路を通る必要があります。二車線目もその頃に完成する予定だと市の担当者は話しています。"],
           ("メールマガジンに登録する", "当社と842社のパートナーは", "無断転載を禁じます")),
    "zh": ("gb18030", "河上的古石桥重新开放",
           ["经过四年的施工，这座古老的石桥于星期六上午重新向行人开放，许多市民在桥上散步并拍照留念。",
            "工程师更换了三十个桥拱中的十一个，其余的则保留了僧侣们当年建造时的样子，费用没有超出预算。",
            "汽车在春天以前仍须绕行外环路，市政府的负责人说，到那时第二条车道也将完工并投入使用。"],
           ("订阅我们的新闻简报", "我们和我们的842个合作伙伴", "版权所有不得转载")),
    "ko": ("euc-kr", "강 위의 돌다리가 다시 열렸다",
           ["사 년에 걸친 공사 끝에 강 위의 오래된 돌다리가 토요일 아침 보행자에게 다시 열렸고 많은 시민이 다리를 건넜다.",
            "기술자들은 서른 개의 아치 가운데 열한 개를 바꾸고 나머지는 수도사들이 지은 모습 그대로 남겨 두었다고 밝혔다.",
            "자동차는 두 번째 차로가 완성되는 봄까지 외곽 도로로 돌아가야 한다고 시의 담당자가 기자들에게 말했다."],
           ("뉴스레터를 구독하세요", "당사와 842개의 파트너는", "모든 권리를 보유합니다")),
}  # fmt: skip


def frame(language: str, head: str, body: str) -> str:
    """A page with all that stands around its content."""
    encoding, title, _, (menu, banner, footer) = TEXTS[language]
    links = "".join(f'<li><a href="/{place}">{menu} {place}</a></li>' for place in range(12))
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="{encoding}"><title>{title}</title>{head}'
        "<style>.nav{display:flex}</style><script>window.dataLayer=[];function track(e){return e}</script></head><body>"
        f'<div id="cookie-banner" class="cookie-consent" role="dialog"><p>{banner}</p><button>OK</button></div>'
        f'<header><nav class="nav menu"><ul>{links}</ul></nav></header>{body}'
        f'<aside class="sidebar related"><h3>{menu}</h3><ul>{links}</ul></aside>'
        f'<footer class="footer"><p>© 2026 {footer}</p><ul>{links}</ul></footer><script>track("end")</script></body></html>'
    )


def news(language: str) -> str:
    _, title, paragraphs, _ = TEXTS[language]
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return frame(
        language,
        "",
        f'<main><article><h1>{title}</h1><time datetime="2026-11-21">21.11.2026</time>{text}</article></main>',
    )


def manual(language: str) -> str:
    _, title, paragraphs, _ = TEXTS[language]
    sections = "".join(
        f'<h2 id="s{n}">{n}. {title}</h2><p>{paragraph}</p><pre><code>bridge --open {n}</code></pre>'
        for n, paragraph in enumerate(paragraphs, 1)
    )
    return frame(
        language, "", f'<div class="document" role="main"><div class="body"><h1>{title}</h1>{sections}</div></div>'
    )


def forum(language: str) -> str:
    _, title, paragraphs, _ = TEXTS[language]
    posts = "".join(
        f'<div class="post" id="p{n}"><div class="author">user{n}</div><div class="content"><p>{paragraph}</p></div></div>'
        for n, paragraph in enumerate(paragraphs)
    )
    return frame(language, "", f'<div id="content" class="topic"><h1>{title}</h1>{posts}</div>')


def shop(language: str) -> str:
    _, title, paragraphs, _ = TEXTS[language]
    rows = "".join(f"<tr><th>A{n}</th><td>{n * 7} cm</td></tr>" for n in range(1, 5))
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return frame(
        language,
        "",
        f'<main><div class="product"><h1>{title}</h1><div class="description">{text}</div><table>{rows}</table></div></main>',
    )


def recipe(language: str) -> str:
    _, title, paragraphs, _ = TEXTS[language]
    steps = "".join(f"<li>{paragraph}</li>" for paragraph in paragraphs)
    parts = "".join(f"<li>{n}00 g x{n}</li>" for n in range(1, 5))
    body = f'<article class="recipe"><h1>{title}</h1><p>{paragraphs[0]}</p><ul>{parts}</ul><ol>{steps}</ol></article>'
    return frame(language, "", f"<main>{body}</main>")


KINDS = {"news": news, "manual": manual, "forum": forum, "shop": shop, "recipe": recipe}


def main() -> None:
    """Write the file: the same bytes each time."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for language, (encoding, title, paragraphs, around) in TEXTS.items():
            for number, (kind, make) in enumerate(KINDS.items()):
                # Half of the servers name the encoding, the others leave it to the page.
                named = f"; charset={encoding}" if number % 2 else ""
                facts = {"type": f"text/html{named}", "title": title, "inside": paragraphs, "outside": list(around)}
                for name, content in (
                    (f"{kind}-{language}.html", make(language).encode(encoding, "xmlcharrefreplace")),
                    (f"{kind}-{language}.json", json.dumps(facts, ensure_ascii=False).encode()),
                ):
                    archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    PAGES.write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
