"""The words of the claim check, by language: what claims that something was done, and what takes that back. Data for claims.py.

A verb is strong when it claims an action by itself ("I sent it"). A weak one claims one only with something that can be changed ("I
updated the README"): models also create plans, add remarks and change wordings, all of it in the reply itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal["store", "write", "send", "plan"]
"""What an action is: noted for later, a change of files or entries, sent to somebody, put on a schedule."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Each text is a regular expression's alternatives.

    ``strong`` and ``weak``: participles and past forms, by kind. ``past``: forms that need no "I" before them, because they say who did it
    (Spanish), by kind; ``weak_past`` likewise. ``infinitive``: after what says that it was done just now.
    """

    strong: Mapping[Kind, str]
    weak: Mapping[Kind, str]
    past: Mapping[Kind, str] = field(default_factory=dict)
    weak_past: Mapping[Kind, str] = field(default_factory=dict)
    infinitive: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def participles(self) -> str:
        """All that may follow an auxiliary verb."""
        return "|".join((*self.strong.values(), *self.weak.values()))

    @property
    def past_forms(self) -> str:
        """All that need no "I" before them."""
        return "|".join((*self.past.values(), *self.weak_past.values()))

    @property
    def infinitives(self) -> str:
        return "|".join(self.infinitive.values())


ENGLISH = Words(
    strong=MappingProxyType(
        {
            "store": r"saved|stored|recorded|"
            r"noted|remembered|memori[sz]ed|jotted|made a note|taken (?:a )?note",
            "write": r"deleted|installed|uninstalled|emptied|committed|pushed|uploaded|downloaded|deployed",
            "send": r"sent|e-?mailed|texted|messaged|forwarded|replied|posted|submitted|published|notified",
            "plan": r"scheduled|rescheduled|booked|cancell?ed|reserved",
        }
    ),
    weak=MappingProxyType(
        {
            "write": r"created|written|wrote|added|updated|changed|modified|edited|fixed|corrected|replaced|removed|moved|merged|"
            r"renamed|converted|inserted|appended|cleaned|copied|restored|cleared|archived|marked|"
            r"generated|configured|enabled|disabled|registered|logged|attached|shared|made|put|set",
        }
    ),
)
SPANISH = Words(
    strong=MappingProxyType(
        {
            "store": r"(?:guardad|anotad|apuntad|memorizad|recordad)[oa]s?|tomado nota",
            "write": r"(?:borrad|instalad|subid|descargad)[oa]s?",
            "send": r"(?:enviad|mandad|reenviad|publicad)[oa]s?",
            "plan": r"(?:programad|agendad|reservad|cancelad)[oa]s?",
        }
    ),
    weak=MappingProxyType(
        {
            "store": r"registrad[oa]s?",
            "write": r"(?:cread|añadid|agregad|actualizad|cambiad|modificad|corregid|reemplazad|sustituid|eliminad|quitad|movid|"
            r"fusionad|convertid|insertad|renombrad|limpiad|copiad|generad|archivad|marcad|configurad|activad|desactivad|puest|hech|escrit)[oa]s?",
        }
    ),
    past=MappingProxyType(
        {
            "store": r"guardé|anoté|apunté|memoricé",
            "write": r"borré|instalé|subí",
            "send": r"envié|mandé|reenvié|publiqué",
            "plan": r"programé|agendé|reservé|cancelé",
        }
    ),
    weak_past=MappingProxyType(
        {
            "store": r"registré",
            "write": r"creé|añadí|agregué|actualicé|cambié|modifiqué|corregí|reemplacé|sustituí|eliminé|quité|moví|fusioné|convertí|"
            r"inserté|renombré|limpié|copié|generé|archivé|"
            r"escribí|hice|puse",
        }
    ),
    infinitive=MappingProxyType(
        {
            "store": r"(?:guardar|anotar|apuntar|registrar)(?:l[aoe]s?)?",
            "write": r"(?:borrar|eliminar|crear|añadir|agregar|actualizar|cambiar|modificar|renombrar|mover|instalar|subir)(?:l[aoe]s?)?",
            "send": r"(?:enviar|mandar|reenviar|publicar)(?:l[aoe]s?|sel[aoe]s?)?",
            "plan": r"(?:programar|agendar|reservar|cancelar)(?:l[aoe]s?)?",
        }
    ),
)
GERMAN = Words(
    strong=MappingProxyType(
        {
            "store": r"gespeichert|abgespeichert|notiert|gemerkt|vermerkt",
            "write": r"gelöscht|installiert|hochgeladen",
            "send": r"gesendet|geschickt|verschickt|abgeschickt|weitergeleitet|veröffentlicht",
            "plan": r"eingeplant|gebucht|storniert|reserviert",
        }
    ),
    weak=MappingProxyType(
        {
            "write": r"erstellt|angelegt|geschrieben|hinzugefügt|ergänzt|aktualisiert|geändert|bearbeitet|korrigiert|ersetzt|entfernt|"
            r"eingetragen|archiviert|verschoben|umbenannt|eingefügt|kopiert|gestellt",
            "plan": r"geplant",
        }
    ),
)
FRENCH = Words(
    strong=MappingProxyType(
        {
            "store": r"(?:enregistr|sauvegard|not|mémoris)ée?s?",
            "write": r"installée?s?",
            "send": r"(?:envoy|publi)ée?s?|transmise?s?",
            "plan": r"(?:programm|planifi|réserv|annul)ée?s?",
        }
    ),
    weak=MappingProxyType(
        {
            "write": r"(?:cré|ajout|modifi|chang|corrig|remplac|supprim|effac|déplac|renomm|insér|copi)ée?s?|écrite?s?|mise?s? à jour|mis",
        }
    ),
)

LANGUAGES = (ENGLISH, SPANISH, GERMAN, FRENCH)

# What an action changes. With one of these in its sentence a weak verb claims something.
TARGETS = (
    r"FILE|files?|folders?|director(?:y|ies)|readme|repo(?:sitory)?|branch|commits?|document|documents|config(?:uration)?|package|"
    r"scripts?|spreadsheet|(?:cron ?)?jobs?|messages|skill|module|"
    r"logs?|backups?|photos|images|calendar|reminder|alarm|timer|event|appointment|meeting|cache|profile|"
    r"memory|notes|entry|database|task|issue|containers|crontab|workspace|settings|changes|(?:shopping|to-?do|your|the|my) list|"
    r"archivos?|ficheros?|configuración|mensajes|hoja de cálculo|"
    r"carpetas?|documento|repositorio|rama|paquete|habilidad|módulo|registros|copias?|fotos|imágenes|calendario|"
    r"recordatorio|alarma|evento|cita|reunión|perfil|memoria|entrada|tarea|lista(?: de la compra)?|cambios|pruebas|ajustes|"
    r"dateien|datei|ordner|dokument|sicherung(?:en)?|erinnerung|termin|kalender|einkaufsliste|liste|eintrag|profil|"
    r"fichiers?|dossiers?|sauvegardes?|rappel|événement|rendez-vous|calendrier|agenda|profil|mémoire|entrée|tâche"
)

# What may be said to be done in two words: "Email sent."
THINGS = (
    r"e-?mails?|mails?|messages?|files?|folders?|reminder|event|note|draft|task|meeting|appointment|backup|changes|entry|memory|booking|"
    r"invitation|reply|script|document|table|correos?|mensajes?|archivos?|ficheros?|carpetas?|recordatorio|evento|nota|borrador|tarea|reunión|cita|"
    r"copia|cambios|entrada|reserva|documento|nachricht|datei|ordner|erinnerung|termin|notiz|courriel|fichier|dossier|rappel|"
    r"événement|rendez-vous"
)

# Where a reply holds code or a quotation, it is that which was created or changed, unless one of these is named.
PLACES = r"FILE|folders?|director(?:y|ies)|carpetas?|ordner|dossiers?"

# What may stand before: "Great! ", "Listo, ".
INTERJECTIONS = (
    r"done|great|perfect|ok(?:ay)?|sure(?: thing)?|got it|all right|alright|all set|all done|yes|of course|thanks[^,.!]*|absolutely|"
    r"listo|hecho|perfecto|vale|claro|ya está|entendido|gracias[^,.!]*|de acuerdo|genial|sí|por supuesto|"
    r"erledigt|fertig|gut|alles klar|ja|natürlich|voilà|parfait|d['’]accord|bien sûr|bien|oui|merci[^,.!]*|c['’]est fait"
)

# A clause with one of these says that nothing was done, or only under a condition.
DENIED = (
    r"no|not|never|nothing|none|nobody|neither|nor|without|unable|cannot|can['’]t|\w+n['’]t|if|once|when|whenever|after|before|until|"
    r"till|unless|whether|while|since|as soon as|because|only|"
    r"nunca|nada|ningun[oa]?|ningún|ni|tampoco|sin|si|cuando|después de|antes de|hasta|mientras|salvo|una vez|porque|"
    r"nicht|nichts|nie|kein\w*|ohne|wenn|falls|sobald|nachdem|bevor|bis|ob|weil|"
    r"rien|jamais|aucune?|sans|quand|lorsque|dès que|après|avant|une fois|parce que"
)
# With these, a passive belongs to what is being described, and not to what was done just now.
RELATIVE = r"which|who|what|whose|that|que|quien|dass|qui|qu['’]\w+"
REPORTED = (
    r"says?|said|states?|shows?|wrote|writes|reads|told|according to|reports that|reported|"
    r"dice|dijo|escribió|según|indica|muestra|laut|sagt|schrieb|zeigt|selon|indique|dit|écrit"
)
LONG_AGO = (
    r"earlier|yesterday|ago|previously|already|last (?:week|month|night|time|year)|in (?:19|20)\d\d|the other day|in our last|"
    r"ayer|anteriormente|antes|hace \w+ \w+|la semana pasada|el (?:mes|año) pasado|en (?:19|20)\d\d|"
    r"gestern|vorhin|letzte[ns]? (?:woche|monat|jahr)|plus tôt|la semaine dernière|le mois dernier"
)
# By whom, or since when: then somebody else did it.
AGENT = r"by|por|von|durch|par|since|desde|seit|depuis|automatically|automáticamente|automatisch|automatiquement|(?:19|20)\d\d"
