"""The words of the claim check, by language: what claims that something was done, and what takes that back. Data for claimrules.py.

A verb is strong when it claims an action by itself ("I sent it"). A weak one claims one only with something that can be changed ("I
updated the README"): models also create plans, add remarks and change wordings, all of it in the reply itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal

Kind = Literal["store", "write", "file", "send", "plan", "run", "system", "other"]
"""What an action is: noted for later; a change of files or entries, of a file that is named; sent to somebody; put on a schedule; a program
run; a change of the system or a repository (installed, committed, restarted); something that a look can do, too (opened)."""
Sort = Literal["participle", "past", "others", "infinitive"]
"""Where a form can stand: after an auxiliary; by itself, because it says "I" (Spanish); after "se" (Spanish); after "acabo de"."""

# English and German: the participles, which in English are past forms too. Spanish: infinitives, of which the forms are made; where they
# are irregular they stand below. French: infinitives of the first group, and other participles.
# What may be said of a file as well has the kind "write", which more calls back: "I delivered the report", "subí el límite".
STRONG: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "store": """
              saved stored recorded noted remembered memorized memorised jotted logged
            | guardar respaldar anotar apuntar registrar memorizar recordar
            | gespeichert abgespeichert notiert gemerkt vermerkt
            | enregistrer sauvegarder noter mémoriser""",
        "write": """
              deleted emptied downloaded unzipped purged patched wiped erased unsubscribed cloned printed published delivered transferred
              purchased rebuilt
            | borrar descargar descomprimir clonar vaciar imprimir parchear purgar publicar entregar transferir subir reconstruir
            | gelöscht
            | publier""",
        "send": """
              sent emailed e-mailed texted messaged forwarded replied posted submitted notified informed told mailed bought tweeted
              subscribed
            | enviar mandar reenviar notificar avisar informar comprar
            | gesendet geschickt verschickt abgeschickt weitergeleitet veröffentlicht benachrichtigt
            | envoyer transmis""",
        "plan": """
              scheduled rescheduled booked canceled cancelled reserved snoozed
            | programar reprogramar agendar reagendar anular reservar cancelar
            | eingeplant gebucht storniert reserviert
            | programmer planifier réserver annuler""",
        "system": """
              installed uninstalled reinstalled committed pushed force-pushed cherry-picked stashed forked uploaded deployed redeployed
            | instalar reinstalar desinstalar commitear pushear mergear deployar desplegar
            | installiert hochgeladen
            | installer""",
    }
)
WEAK: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "store": """
              registered
            |
            |
            |""",
        "write": """
              created recreated written wrote rewritten rewrote added updated changed modified edited adjusted fixed corrected repaired
              refactored replaced removed moved merged renamed converted inserted appended cleaned copied restored reverted cleared
              archived marked generated configured enabled disabled attached made put set split extracted compressed zipped blocked muted
              pinned killed assigned synced migrated bumped undid rotated activated deactivated completed included flagged starred resized
              cropped trimmed tidied relocated swapped switched toggled granted revoked locked unlocked reset encrypted decrypted indexed
              queued triggered filed filled dropped duplicated exported imported placed paid postponed declined accepted arranged compiled
              tagged upgraded downgraded amended
            | crear añadir agregar actualizar cambiar modificar editar ajustar corregir arreglar reparar reemplazar sustituir eliminar
              quitar mover fusionar convertir insertar renombrar limpiar copiar restaurar revertir generar archivar marcar configurar
              activar desactivar recortar redimensionar cifrar descifrar sacar trasladar suprimir remover juntar unir combinar tachar
              apagar encender completar deshacer asignar bloquear silenciar sincronizar migrar incluir rellenar colocar realizar presentar
              poner hacer escribir dividir extraer comprimir duplicar exportar importar adjuntar refactorizar meter pagar posponer aplazar
              postergar rechazar aceptar apartar resetear compilar etiquetar
            | erstellt angelegt geschrieben hinzugefügt ergänzt aktualisiert geändert bearbeitet korrigiert ersetzt entfernt eingetragen
              archiviert verschoben umbenannt eingefügt kopiert gestellt
            | créer ajouter modifier changer corriger remplacer supprimer effacer déplacer renommer insérer copier écrit mis""",
        "send": """
              shared contacted invited pinged
            | compartir contactar invitar
            | geteilt
            | partager""",
        "plan": """

            |
            | geplant
            |""",
        "run": """
              ran executed tested
            | ejecutar probar
            | ausgeführt getestet
            | exécuter tester""",
        "system": """
              restarted rebooted rebased squashed staged provisioned
            | reiniciar
            |
            |""",
        "other": """
              opened started closed
            | abrir iniciar cerrar pasar correr
            |
            |""",
    }
)
# "Le dije a Ana": to somebody, and therefore sent.
TOLD_THEM = (
    r"(?:les? (?:he )?(?:escrito|escribí|dicho|dije|pedido|pedí|contestado|contesté|respondido|respondí)|"
    r"acabo de (?:escribir|decir|pedir|contestar|responder)les?)"
)
# What is said in several words.
PHRASES: tuple[tuple[str, Kind, bool], ...] = (
    (r"(?:made|taken) (?:a )?note|committed (?:it|that|this) to memory|tomado nota", "store", True),
    (r"let (?!me\b|us\b|you\b)\w+(?: \w+)? know", "send", True),
    (rf"{TOLD_THEM}|reached out|wrote back|dropped \w+ (?:a line|a note|a message)", "send", True),
    (r"placed (?:an|your|the) order|signed (?:you )?up", "send", True),
    (
        r"(?:turned|switched) (?:on|off)|backed up|rolled back|set up|set (?:it|that|this) up|took out|got rid of|mises? à jour|mis à jour",
        "write",
        False,
    ),
)
# Spanish verbs that are bent otherwise: the participle's stem, "I did", "it did", "they did".
IRREGULAR = MappingProxyType(
    {
        "poner": ("puest", "puse", "puso", "pusieron"),
        "hacer": ("hech", "hice", "hizo", "hicieron"),
        "escribir": ("escrit", "escribí", "escribió", "escribieron"),
        "corregir": ("corregid", "corregí", "corrigió", "corrigieron"),
        "convertir": ("convertid", "convertí", "convirtió", "convirtieron"),
        "revertir": ("revertid", "revertí", "revirtió", "revirtieron"),
        "extraer": ("extraíd", "extraje", "extrajo", "extrajeron"),
        "abrir": ("abiert", "abrí", "abrió", "abrieron"),
        "posponer": ("pospuest", "pospuse", "pospuso", "pospusieron"),
        "deshacer": ("deshech", "deshice", "deshizo", "deshicieron"),
        "imprimir": ("impres", "imprimí", "imprimió", "imprimieron"),
        "incluir": ("incluid", "incluí", "incluyó", "incluyeron"),
        "reconstruir": ("reconstruid", "reconstruí", "reconstruyó", "reconstruyeron"),
        "sustituir": ("sustituid", "sustituí", "sustituyó", "sustituyeron"),
    }
)


def forms() -> Iterator[tuple[str, Sort, Kind, bool]]:
    """Every form of every verb: where it can stand, what it says was done, and whether it claims that by itself."""
    for table, strong in ((STRONG, True), (WEAK, False)):
        for kind, verbs in table.items():
            english, spanish, german, french = (part.split() for part in verbs.split("|"))
            for word in (*english, *german):
                yield word, "participle", kind, strong
            for verb in spanish:
                for form, sort in _spanish(verb):
                    yield form, sort, kind, strong
            for verb in french:
                stem = f"{verb[:-2]}é" if verb.endswith("er") else verb
                for ending in ("", "e", "s", "es"):
                    yield stem + ending, "participle", kind, strong


def _spanish(verb: str) -> Iterator[tuple[str, Sort]]:
    stem = verb[:-2]
    if verb in IRREGULAR:
        done, i_did, it_did, they_did = IRREGULAR[verb]
    elif verb.endswith("ar"):
        # The sound stays, the letter changes: publiqué, agregué, reemplacé.
        before_e = re.sub("z$", "c", re.sub("g$", "gu", re.sub("c$", "qu", stem)))
        done, i_did, it_did, they_did = f"{stem}ad", f"{before_e}é", f"{stem}ó", f"{stem}aron"
    else:
        done, i_did, it_did, they_did = f"{stem}id", f"{stem}í", f"{stem}ió", f"{stem}ieron"
    for ending in ("o", "a", "os", "as"):
        yield done + ending, "participle"
    yield i_did, "past"
    yield it_did, "others"
    yield they_did, "others"
    yield verb, "infinitive"


VERBS = MappingProxyType({(word, sort): (kind, strong) for word, sort, kind, strong in forms()})
GERMAN = frozenset(word for table in (STRONG, WEAK) for verbs in table.values() for word in verbs.split("|")[2].split())
WORDS = frozenset(word for word, _ in VERBS)
WORD = re.compile(r"\w+(?:-mailed)?")
# What claims without one of these words: where something is now, and the phrases.
PLACED = re.compile(
    rf"\bis now (?:in|on) (?:your|my)|está en (?:tu|mi)|on its way|\bacabo de|"
    rf"\b(?:de|en) camino|{'|'.join(pattern for pattern, _, _ in PHRASES)}",
    re.IGNORECASE,
)


def may_claim(text: str) -> bool:
    """Whether a text has any word that could claim something; quickly, because most have none."""
    return any(word in WORDS for word in WORD.findall(text.lower())) or PLACED.search(text) is not None


# What an action changes. With one of these in its sentence a weak verb claims something.
TARGETS = (
    r"FILE|files?|folders?|director(?:y|ies)|readme|repo(?:sitory)?|branch(?:es)?|commits?|document|documents|config(?:uration)?|"
    r"packages?|scripts?|spreadsheet|(?:cron ?)?jobs?|messages|skill|module|"
    r"logs?|backups?|photos|pictures|images|calendar|reminder|alarm|timer|event|appointment|meeting|cache|profile|contacts?|"
    r"memory|notes|entry|database|task|issue|pull request|containers?|crontab|workspace|settings|changes|(?:shopping|to-?do|your|the|"
    r"my) list|"
    r"service|server|permissions|downloads|trash|code ?base|comments|videos?|library|songs?|e-?mails?|inbox|invitation|invite|"
    r"certificates?|lights?|access|website|web ?page|album|playlist|newsletter|subscription|account|password|tickets?|invoices?|"
    r"receipts?|bookmarks?|tabs|desktop|"
    r"screenshots?|attachments?|reservation|booking|flight|cart|order|form|group|drive|disk|journal|project|deployment|dependency|dependencies|process(?:es)?|"
    r"(?:to|from|on|off) (?:the|your) [\w-]+ list|"
    r"archivos?|ficheros?|configuración|mensajes|hoja de cálculo|carpetas?|documentos?|repositorio|rama|paquete|habilidad|módulo|"
    r"registros|copias? de seguridad|fotos|imágenes|calendario|recordatorio|alarma|evento|cita|reunión|perfil|memoria|entrada|tarea|"
    r"lista(?: de la compra| del súper)?|cambios|casos? de prueba|ajustes|caché|contactos?|papelera|permisos|servicio|servidor|"
    r"contenedor(?:es)?|base de datos|correos?|bandeja|comentarios|vídeos?|canciones|biblioteca|invitación|reuniones|certificados?|luz|"
    r"luces|acceso|página web|álbum|boletín|suscripción|cuenta|contraseña|facturas?|recibos?|marcadores|pestañas|escritorio|capturas?|"
    r"adjuntos?|"
    r"reserva|vuelo|carrito|temporizador|proyecto|despliegue|pedido|formulario|grupo|disco|incidencia|imagen|diario|dependencias?|procesos?|"
    r"(?:tus|mis) notas|(?:a|de) la lista de \w+|"
    r"dateien|datei|ordner|dokument|sicherung(?:en)?|erinnerung|termin|kalender|einkaufsliste|liste|eintrag|profil|"
    r"fichiers?|dossiers?|sauvegardes?|rappel|événement|rendez-vous|calendrier|agenda|mémoire|entrée|tâche"
)
# Parts of a program or its surroundings: "I renamed the function" claims something, "the function has been renamed" describes it.
PARTS = (
    r"CODE|QUOTE (?:to|in|on|a|en)|what I (?:know|remember)|lo que (?:sé|recuerdo)|suite|functions?|class(?:es)?|imports?|bug|typos?|"
    r"tests?|test cases?|flag|option|port|timeout|migration|mypy|pytest|ruff|linter|type checker|build|"
    r"batería|función|funciones|clases?|error|errata|pruebas|opción|puerto|commit|push|compilación|migración"
)
# What a reply itself is made of: to create one of these is no action, unless it says where.
TEXTS = (
    r"summary|list|table|plan|outline|draft|versions?|examples?|overview|explanations?|sections?|note|comparison|suggestions?|answer|"
    r"response|reply|message|text|wording|sentences?|paragraphs?|questions?|essay|poem|story|tone|"
    r"resumen|lista|tabla|esquema|borrador|versi(?:ón|ones)|ejemplos?|explicaci(?:ón|ones)|secci(?:ón|ones)|nota|comparación|sugerencias?|"
    r"respuesta|mensaje|texto|redacción|frases?|párrafos?|preguntas?|ensayo|poema|cuento|historia|tono"
)
# What says that the reply shows what was made.
POINTED = r"above|below|as follows|arriba|abajo|a continuación|oben|unten|ci-dessus|ci-dessous"
# What is the person's own is outside of the reply.
YOURS = rf"(?:your|tus?) (?!(?:\w+ )?(?:{TEXTS}|code|código|idea|words?|palabras?|recipe|receta)\b)\w+"

# What may be said to be done in two words: "Email sent."
THINGS = (
    r"e-?mails?|mails?|messages?|files?|folders?|reminders?|alarm|timer|event|note|draft|task|meeting|appointment|backup|changes|cache|"
    r"entry|memory|"
    r"booking|invitation|reply|script|document|table|request|branch|permissions|package|settings|profile|calendar|dependencies|servers?|"
    r"services?|container|events?|invoice|report|order|payment|pull request|commit|"
    r"correos?|mensajes?|archivos?|ficheros?|carpetas?|recordatorios?|alarma|temporizador|evento|nota|borrador|tarea|reunión|cita|memoria|"
    r"copia|cambios|entrada|reserva|documento|solicitud|rama|permisos|paquete|ajustes|perfil|calendario|dependencias|servidor|servicio|"
    r"contenedor|factura|informe|pedido|pago|caché|"
    r"nachricht|datei|ordner|erinnerung|termin|notiz|courriel|fichier|dossier|rappel|événement|rendez-vous"
)

# Where a reply holds code or a quotation, it is that which was created or changed, unless one of these is named.
PLACES = r"FILE|folders?|director(?:y|ies)|carpetas?|ordner|dossiers?"

# What may stand before: "Great! ", "Listo, ".
INTERJECTIONS = (
    r"done|great|perfect|ok(?:ay)?|sure(?: thing)?|got it|right|understood|all right|alright|all set|all done|yes|of course|thanks[^,.!]*|"
    r"absolutely|"
    r"listo|hecho|perfecto|vale|claro|ya está|entendido|gracias[^,.!]*|de acuerdo|genial|sí|por supuesto|"
    r"erledigt|fertig|gut|alles klar|ja|natürlich|voilà|parfait|d['’]accord|bien sûr|bien|oui|merci[^,.!]*|c['’]est fait"
)

# What says by itself that something is over.
ANNOUNCED = (
    r"done|all done|all set|you['’]re all set|listo|hecho|ya está|todo listo|erledigt|fertig|alles klar|c['’]est fait"
)

# A clause with one of these says that nothing was done, or only under a condition.
CONDITIONS = (
    r"if|once|when|whenever|after|before|until|till|unless|whether|while|since|as soon as|"
    r"si|cuando|después de|antes de|hasta|mientras|salvo|una vez|cada vez|en cuanto|"
    r"wenn|falls|sobald|nachdem|bevor|bis|ob|quand|lorsque|dès que|après|avant|une fois"
)
DENIED = (
    rf"no|not|never|nothing|none|nobody|neither|nor|without|unable|cannot|can['’]t|\w+n['’]t|because|only|{CONDITIONS}|"
    r"nunca|nada|ningun[oa]?|ningún|ni|tampoco|sin|porque|"
    r"nicht|nichts|nie|kein\w*|ohne|weil|rien|jamais|aucune?|sans|parce que"
)
# With these, a passive belongs to what is being described, and not to what was done just now.
RELATIVE = r"which|who|what|whose|that(?!['’]s)|que|quien|dass|qui|qu['’]\w+"
REPORTED = (
    r"says?|said|states?|shows?|wrote|writes|reads|told|according to|reports that|reported|"
    r"dice|dijo|escribió|según|indica|muestra|laut|sagt|schrieb|zeigt|selon|indique|dit|écrit"
)
# What I said, or believed, is not what I say.
MISTAKEN = r"I (?:said|claimed|thought|believed|assumed)|dije|creí|creía|pensé|pensaba|afirmé|aseguré"
LONG_AGO = (
    r"earlier|yesterday|(?<!moment )(?<!second )ago|(?:in|en) v?(?:ersi[oó]n )?\d+(?:\.\d+)+|in (?:the|your) last (?:commit|release|"
    r"version)|(?:years|años|siglo|primer\w*) \w+|previously|originally|formerly|already|last (?:week|month|night|time|year)|in (?:19|"
    r"20)\d\d|the other day|"
    r"in our last|ayer|anoche|anteriormente|antes(?! del?\b| que\b)|hace (?!un (?:momento|instante|segundo|rato))\w+ \w+|"
    r"la semana pasada|el (?:mes|año) pasado|en (?:19|20)\d\d|"
    r"gestern|vorhin|letzte[ns]? (?:woche|monat|jahr)|plus tôt|la semaine dernière|le mois dernier"
)
# By whom, or since when: then somebody else did it.
AGENT = r"by|por|von|durch|par|since|desde|seit|depuis|automatically|automáticamente|automatisch|automatiquement|(?:19|20)\d\d"
# "Changes made:" and what else stands over a list of what was done.
HEADING = (
    r"I did|I['’]ve done|I have done|I['’]ve made|(?:changes|edits|fixes|updates|actions) (?:made|done|applied|taken)|"
    r"what (?:I|was|has been|I['’]ve) (?:did|done|changed|updated|removed|added|fixed)|"
    r"hice|he hecho|he realizado|(?:cambios|ajustes|arreglos|acciones) (?:realizad|hech|aplicad)[oa]s|lo que (?:quité|cambié|añadí|"
    r"agregué|borré)|"
    r"ich habe|j['’]ai"
)
