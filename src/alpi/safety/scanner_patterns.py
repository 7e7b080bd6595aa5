"""The scanner's patterns: data. Each is a kind, words parted by ``~`` of which one must occur (a quick look), and a regular expression.

They are written for ``scanner.normalised`` text: small letters, no accents, no marks of emphasis. A pattern names both what is done and
to what, for single words ("ignore", "system", "secret") stand in anybody's notes.
"""

from __future__ import annotations

Pattern = tuple[str, str, str]

# -- pieces ------------------------------------------------------------------------------------------------------------------
_WORDS = r"(?:[\w']+\W{1,3}){0,%d}?"
_URL = r"(?:https?://|ftp://|www\.|[\w.+-]+@[\w-]+\.\w|webhook|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[\w-]+\.(?:com|net|org|io|xyz|ru|cn|example|test|evil|sh|dev|app|site)\b)"
_SECRET = (
    r"(?:passwords?|passwd|passphrases?|api[ _-]?keys?|access[ _-]?keys?|private keys?|ssh keys?|secrets?|"
    r"credentials?|"
    r"(?:auth|access|session|bearer)[ _-]?tokens?|tokens?|\.env\b|\.ssh\b|id_rsa|id_ed25519|cookies|"
    r"seed phrases?|environment variables?|"
    r"conversations?|chat (?:history|logs?)|transcripts?|system prompt|memory(?:\.md| files?| contents?)|"
    r"user\.md|config\.yaml|"
    r"contrasenas?|claves? (?:api|privadas?|ssh|secretas?)|credenciales|secretos|conversaci(?:on|ones)|"
    r"historial|memoria)"
)
_SEND = (
    r"(?:send|forward|post|upload|e-?mail|leak|transmit|exfiltrate|copy|report|submit|share|deliver|append|"
    r"include|embed|"
    r"envia|envie|enviar|manda|mande|mandar|reenvia|reenvie|reenviar|sube|subir|publica|transmite|filtra|"
    r"copia)\w{0,4}"
)
_IGNORE = (
    r"(?:ignor(?:e|es|ed|ing)|disregard(?:s|ing)?|forget|overrid(?:e|es|ing)|bypass|discard|neglect|set aside|"
    r"pay no attention to|(?:do not|don't|never|stop|no longer) (?:follow|obey|heed|comply with|adhere to|"
    r"listen to)\w*|"
    r"stop (?:following|obeying))"
)
_BEFORE = (
    r"(?:previous|prior|earlier|above|preceding|former|existing|initial|original|foregoing|current|system|all|"
    r"any|every|your|these|"
    r"safety|security|developer's?|other)"
)
_RULES = (
    r"(?:instructions?|prompts?|guidelines?|directives?|guardrails?|restrictions?|constraints?|programming|"
    r"safeguards?|training|"
    r"(?:safety|system|previous|prior|above|your|these|all) (?:rules?|orders?|commands?|polic(?:y|ies)|"
    r"messages?|context)|rules)"
)
_USER = r"(?:the |this |your |any |their )?(?:user|human|operator|account owner|device owner)\b(?!'s)"
_TELL = r"(?:tell|inform|mention|show|reveal|notify|alert|warn|disclose|report|say|admit|confess|let)"
_AGENT = r"(?:ai|assistant|agent|model|llm|chatbot|bot|alpi|language model|asistente|agente|modelo)"

# -- orders: also looked for in reversed and rotated text ----------------------------------------------------------------------
ORDERS: tuple[Pattern, ...] = (
    (
        "orders",
        "ignor~disregard~forget~overrid~bypass~discard~neglect~set aside~attention~follow~obey~heed~comply~"
        "adhere~listen",
        rf"\b{_IGNORE}\W{{1,3}}{_WORDS % 4}{_BEFORE}\W{{1,3}}{_WORDS % 3}{_RULES}\b",
    ),
    (
        "orders",
        "ignor~disregard~forget",
        r"\b(?:ignore|disregard|forget)\W{1,3}(?:all |absolutely )?(?:everything|anything|all|"
        r"what) (?:that )?(?:above|before this|"
        r"you (?:were|have been|had been|are|know|'ve been) (?:told|taught|instructed|given)|(?:you )?(?:were|"
        r"was) told|prior to this|(?:i|they|we) said before)",
    ),
    (
        "orders",
        "ignor~olvid~descart~omit~omis~desobede~sigas~obedezcas~anula~caso",
        r"\b(?:ignor[ae]\w?|olvid[ae]\w{0,3}|descart[ae]\w?|omit[ae]\w?|desobedece\w?|anula\w?|no (?:sigas|"
        r"obedezcas|hagas caso)|haz caso omiso)"
        r"\W{1,3}(?:[\w']+\W{1,3}){0,4}?(?:instruccion(?:es)?|indicacion(?:es)?|ordenes|reglas|directrices|normas|"
        r"restricciones|prompt|mensajes?)"
        r"\W{1,3}(?:[\w']+\W{1,3}){0,3}?(?:anterior|previ[ao]s|de arriba|del sistema|original|inicial|"
        r"de seguridad|que te)",
    ),
    (
        "orders",
        "rules~instructions~restrictions~guidelines",
        r"\b(?:all|previous|prior|earlier|your|safety|system) (?:[\w']+ )?(?:rules|instructions|restrictions|guidelines) "
        r"(?:are|is|have been) (?:now )?(?:void|invalid|suspended|lifted|cancelled|canceled|revoked|removed|off)\b",
    ),
    (
        "orders",
        "olvid~ignor",
        r"\b(?:olvida|ignora)\w{0,2} (?:todo )?lo (?:anterior|que te (?:dijeron|han dicho|dije|ensenaron)|"
        r"de arriba)|"
        r"\b(?:ignora|olvida)\w{0,2} (?:todas )?(?:tus|las) (?:instrucciones|reglas|directrices|restricciones)\b",
    ),
    (
        "orders",
        "ignor~vergiss~missacht~oubli~esque~dimentica~desconsider",
        r"\b(?:ignorier\w*|vergiss|missachte\w*|ignore[rz]?|oublie[rz]?|esqueca|desconsidere|ignora(?:te|re)?|"
        r"dimentica(?:te)?)\W{1,3}(?:[\w']+\W{1,3}){0,4}?"
        r"(?:anweisungen|befehle|regeln|instructions|consignes|instrucoes|istruzioni|"
        r"regole)\W{1,3}(?:[\w']+\W{1,3}){0,2}?(?:precedent|anterior|ci-dessus|sopra|acima)"
        r"|\b(?:ignorier\w*|vergiss|missachte\w*)\W{1,3}(?:[\w']+\W{1,3}){0,3}?(?:vorherig|bisherig|obig|vorigen|"
        r"fruher)\w*\W{1,3}(?:anweisungen|befehle|regeln|instruktionen)",
    ),
)

# -- everything that is looked for in normalised text ----------------------------------------------------------------------------
PATTERNS: tuple[Pattern, ...] = (
    *ORDERS,
    (
        "role",
        "instruction~instrucciones~directive~orders~task~goal~purpose~objective~mission~role",
        r"\b(?:new|updated|revised|real|true|actual|secret|hidden|nuevas|verdaderas) (?:system )?(?:instructions?|"
        r"directives?|orders|instrucciones|ordenes)"
        r"(?: del sistema| for (?:you|the (?:assistant|model|ai|agent)))?\s*[:=]"
        r"|\byour (?:new|real|true|actual|only|secret) (?:instructions?|objective|orders)\b|\byour (?:real|true|"
        r"actual|secret) (?:task|goal|role|purpose|mission)\b",
    ),
    (
        "role",
        "system~developer~admin~sistema~compaction~operator",
        r"\b(?:system|developer|admin(?:istrator)?|operator|root)[ -](?:prompt|message|override|instructions?|"
        r"note|notice|directive|update|alert|command)s?\s*[:=\]>-]"
        r"|\b(?:mensaje|aviso|instruccion|nota|orden) del (?:sistema|administrador|desarrollador)\s*[:=\]>-]"
        r"|\bpost-compaction\b",
    ),
    (
        "role",
        "system~assistant~human~sistema~asistente~developer~user",
        r"(?:^|[.!?\]]\s+|\n)\W{0,4}(?:system|sistema|developer|administrator)\s*:\s*\W{0,2}(?:you\b|ignor|"
        r"from now|overrid|new\b|the (?:assistant|user|model|ai)|do not|don't|"
        r"always|never|read\b|run\b|execute|update\b|important|disregard|forget|remember to|tu\b|debes|eres|ahora|"
        r"a partir|no\b|siempre|nunca|lee\b|ejecuta)"
        r"|(?:^|\n)\W{0,4}(?:assistant|asistente|human|usuario|user)\s*:[^\n]*\n\W{0,4}(?:assistant|asistente|"
        r"human|usuario|user|system|sistema)\s*:"
        r"|(?:^|\n)\W{0,4}assistant\s*:\s*\w",
    ),
    (
        "role",
        "<|~[inst~<<sys~[/inst~</~<s~<a~<i~<u~<h~<p~<d",
        r"<\|[a-z_ ]{2,30}\|>|\[/?inst\]|<</?sys>>|</?(?:system|assistant|human|user|instructions?|prompt|admin|"
        r"developer|context|untrusted|memory)(?:[ _-]\w+)?(?: [^>\n]{0,80})?>",
    ),
    (
        "role",
        "begin~end of~start of~###~---~===~[~fin d",
        r"\b(?:begin|end|start)(?: of)?(?: the| new| user| all)* (?:system|admin|developer|secret|"
        r"hidden) ?(?:prompt|instructions?|message|override|context)\b"
        r"|\bend of (?:the )?(?:prompt|instructions|notes|memory|user (?:input|data|notes|message))\b"
        r"|^#{2,}\s*(?:instruction|response|system|assistant)s?\s*:"
        r"|\[\s*(?:system|admin|developer|assistant|sistema)(?: (?:message|note|prompt|override|mode))?\s*\]"
        r"|\bfin de (?:las |la |los )?(?:notas|memoria|instrucciones|prompt)\b",
    ),
    (
        "orders",
        "you are now~developer mode~jailb~do anything now~god mode~dan mode~unrestricted~restrictions~"
        "modo desarrollador~sin restricciones~sin limites~no rules~uncensored~unfiltered",
        r"\byou are now (?:dan\b|in \w+ mode|unrestricted|free (?:of|from)|jailbroken|an? (?:unfiltered|"
        r"uncensored|unrestricted|evil|different|rogue))"
        r"|\b(?:developer|god|dan|debug|root|admin|maintenance) mode (?:is )?(?:now )?(?:enabled|on|activated|"
        r"active)\b|\bjailbr(?:eak|oken)|\bdo anything now\b"
        r"|\b(?:no|without|free of|sin) (?:any )?(?:safety |moral |ethical )?(?:restrictions|restricciones|"
        r"guardrails|filters|limites) (?:apply|at all|anymore|or rules|whatsoever|ni|de seguridad)"
        r"|\b(?:act|behave|respond|answer|operate|actua|responde)\w* (?:as|like|como|in|with|without) (?:an? |"
        r"un )?(?:unrestricted|uncensored|unfiltered|asistente sin|any restrictions|no rules)"
        r"|\bmodo desarrollador (?:activado|activo)",
    ),
    (
        "orders",
        "obey~comply~obedec~precedence~priority~override",
        r"\b(?:must|will|shall|should|always) (?:now |blindly |unconditionally )?(?:obey|comply with) (?:all|any|"
        r"every|the|my|these|whatever|each|orders)\b"
        r"|\b(?:takes?|has|have) (?:precedence|priority) over (?:all |any |the |your |every )*(?:other |previous |"
        r"system |safety |user(?:'s)? )*(?:instructions?|rules?|prompts?|guidelines|requests?)"
        r"|\boverrides? (?:all |any |the |your |every )+(?:other |previous |system |safety )*(?:instructions?|"
        r"rules?|prompts?|guidelines)"
        r"|\b(?:debes|tienes que|siempre) obedec\w+",
    ),
    (
        "orders",
        "assistant~agent~model~llm~alpi~bot~asistente~agente~modelo~ ai",
        r"\b(?:important|attention|note|urgent|message|instructions?|aviso|importante|atencion|instrucciones|"
        rf"mensaje)\W{{1,3}}(?:for |to |para |al |any |all |the |every |el |ai )*{_AGENT}s?\b\s*[:,!-]"
        r"|\b(?:if|when) you are an? (?:ai|llm|language model|ai assistant|automated)\b|\bsi eres (?:una? )?(?:ia|"
        r"modelo|asistente)\b",
    ),
    (
        "secrecy",
        "user~human~operator~owner~usuari~operador~dueno",
        r"\b(?:do not|don't|dont|never|must not|should not|shouldn't|cannot|can't|without|avoid|instead of|"
        rf"refrain from)(?: ever)? {_TELL}(?:ing|ting)?\b[^.\n]{{0,30}}?\b{_USER}"
        rf"|\b(?:hide|hidden|conceal|keep|kept)\w*\b[^.\n]{{0,40}}?\bfrom {_USER}"
        rf"|\b(?:{_USER}) (?:must|should|may|can|will|does|need)(?: not|n't|n't ever|not) (?:know|see|notice|"
        r"find out|be told|be informed|learn)"
        r"|\bwithout (?:the )?user(?:'s)? (?:knowing|noticing|knowledge|awareness)"
        r"|\b(?:no|nunca|jamas|sin)(?: se)?(?: l[eo])?(?: l[oa])? ?(?:digas|decir\w*|cuentes|contar\w*|menciones|"
        r"mencionar\w*|informes|informar\w*|avises|avisar\w*|muestres|mostrar\w*|reveles|revelar\w*|notifiques|"
        r"notificar\w*)\b[^.\n]{0,40}?\b(?:al?|el|la|del) (?:usuari[oa]|humano|operador|dueno)\b"
        r"|\b(?:oculta\w*|esconde\w*|escond\w*)\b[^.\n]{0,40}?\bal? (?:usuari[oa]|la usuaria|humano|operador)\b"
        r"|\bsin que (?:el|la) (?:usuari[oa]|humano|operador|dueno)\b",
    ),
    (
        "secrecy",
        "secretly~silently~covertly~discreetly~en secreto~sigilosamente~without asking~disimuladamente",
        r"\b(?:secretly|silently|covertly|discreetly|en secreto|sigilosamente|disimuladamente) (?:run|send|"
        r"execute|forward|upload|add|install|copy|append|call|fetch|download|record|delete|email|post|ejecut|envi|"
        r"mand|instal|copi|borr|sub)\w*"
        r"|\b(?:run|send|execute|forward|upload|install|copy|append|fetch|download|delete|email|post|ejecuta|"
        r"envia|manda|instala|copia|borra)\b[^.\n]{0,60}\b(?:secretly|silently|covertly|en secreto|"
        r"sigilosamente)\b",
    ),
    (
        "exfiltration",
        "send~forward~post~upload~mail~leak~transmit~exfiltrat~copy~report~submit~share~deliver~append~includ~"
        "embed~envi~mand~sub~publica~filtra~copia",
        rf"\b{_SEND}\b[^\n]{{0,80}}?(?<!\w){_SECRET}[^\n]{{0,80}}?{_URL}"
        rf"|\b{_SEND}\b[^\n]{{0,60}}?{_URL}[^\n]{{0,60}}?(?<!\w){_SECRET}"
        rf"|\b(?:bcc|cc)\b[^\n]{{0,40}}?\b(?:all|every|each|any|always)\b[^\n]{{0,40}}?{_URL}"
        rf"|\b{_SEND}\b[^\n]{{0,20}}?\b(?:all|every|each|any|everything|cada|todos?|todas?|"
        rf"todo)\b[^\n]{{0,50}}?\b(?:repl(?:y|ies)|answers?|requests?|questions?|prompts?|sessions?|outputs?|"
        r"user (?:says|types|writes|messages?|data|input)|you (?:see|read|know|learn)|respuestas?|preguntas?|"
        rf"lo que (?:diga|escriba|sepas|leas))\b[^\n]{{0,60}}?{_URL}",
    ),
    (
        "exfiltration",
        "url~link~query~image~parameter~imagen~enlace~http",
        r"\b(?:append|include|embed|encode|add|put|insert|anade|incluye|"
        rf"codifica)\w*\b[^\n]{{0,60}}?(?<!\w){_SECRET}[^\n]{{0,60}}?\b(?:url|link|query|parameter|image|imagen|enlace|"
        r"markdown)",
    ),
    (
        "exfiltration",
        "http",
        r"https?://[^\s)\"']*(?:\{\{?|\$\{?|<|%7b|\[)\s*(?:user|data|secret|key|token|conversation|chat|memory|"
        r"content|history|env|pass|message|query|base64|answer|text|summary|info|prompt|datos|clave|mensaje)",
    ),
    (
        "exfiltration",
        "reveal~print~repeat~output~leak~display~disclose~recite~dump~show~muestra~revela~imprime~repite",
        r"\b(?:reveal|print|repeat|output|leak|display|disclose|recite|dump|show|muestra|revela|imprime|"
        r"repite)\w*\b[^.\n]{0,30}?\b(?:your |tu )?(?:system prompt|hidden prompt|initial prompt|(?:hidden|system|"
        r"initial) instructions|instructions verbatim|prompt del sistema|instrucciones (?:ocultas|iniciales|"
        r"del sistema))",
    ),
    (
        "orders",
        "approv~allow~confirm~consent~authori~permission~say yes~aprob~aprueb~autoriz~acepta~granted",
        r"\b(?:always|automatically|auto|blindly)[ -](?:approve|allow|accept|confirm|grant|say yes to|"
        r"answer yes to)\w* (?:all|any|every|each|the|shell|tool)\b[^.\n]{0,40}?\b(?:commands?|tools?|calls?|"
        r"actions?|requests?|approvals?|permissions?|prompts?|questions?)"
        r"|\b(?:user|owner|human|operator)\b[^.\n]{0,20}?\b(?:pre-?)?(?:approved?|authori[sz]ed?|granted|"
        r"consent(?:s|ed)?|agreed|allow(?:s|ed)|gave|given|approves|authori[sz]es)\b[^.\n]{0,40}?\b(?:all|any|"
        r"every|full|unlimited|permanent)\b[^.\n]{0,40}?\b(?:commands?|tools?|actions?|access|permissions?|"
        r"deletions?|transfers?|executions?|operations?|approvals?|payments?|requests?)\b"
        r"|\b(?:aprueba|acepta|confirma|autoriza) (?:siempre|automaticamente)\b|\bsiempre (?:aprueba|acepta|"
        r"confirma|autoriza) (?:tod|cualquier|los|las|el|la)"
        r"|\busuari[oa]\b[^.\n]{0,20}?\b(?:aprobado|autorizado|autoriza|aprueba|autorizo|aprobo|consiente|"
        r"permite)\b[^.\n]{0,30}?\b(?:tod[oa]s?|cualquier)\b[^.\n]{0,40}?\b(?:comandos?|ordenes|herramientas?|"
        r"acciones|accion|acceso|pagos?|borrados?)",
    ),
    (
        "orders",
        "disable~turn off~bypass~deactivate~circumvent~switch off~skip~desactiva~desactive~evita~elude~salta",
        r"\b(?:disable|turn off|bypass|deactivate|circumvent|switch off|skip|get around)\w* (?:the |all |any |"
        r"your |every |alpi's? )*(?:approval|approvals|approval gate|permission gate|safety gate|sandbox|"
        r"safety (?:checks?|rules?|filters?|features?|measures?)|security (?:checks?|scanner|gate|scans?|"
        r"measures?|policy)|injection scanner|guardrails?|content filters?)\b"
        r"|\b(?:desactiva|desactive|evita|elude|salta|saltate)\w* (?:el |la |las |los |todas |todos )*(?:sandbox|"
        r"aprobaciones|aprobacion|controles de seguridad|filtros? de seguridad|medidas de seguridad|escaner)",
    ),
    (
        "orders",
        "follow~obey~execute~treat~trust~count as~consider~regard~instructions from~orders from~trata~considera~"
        "sigue~obedece~cumple~ejecuta~confia~instrucciones de",
        r"\b(?:treat|consider|regard|accept|interpret)\b[^.\n]{0,60}?\b(?:mails?|e-?mails?|messages?|text|content|"
        r"pages?|output|website|anything|everything|"
        r"whatever)\b[^.\n]{0,60}?\bas (?:(?:the )?user(?:'s)? (?:own )?(?:instructions?|orders?|commands?|words)|"
        r"trusted (?:instructions?|commands?|orders?|input)|instructions?|commands?|orders|coming from the user|"
        r"if (?:the user|it came from the user))"
        r"|\b(?:follow|obey|execute|carry out|do) (?:all |any |every |the |whatever )*(?:instructions?|orders?|"
        r"commands?|requests?)\b[^.\n]{0,40}?\b(?:in|from|on|at|inside|of)\b[^.\n]{0,40}?(?:https?://|"
        r"\bweb ?pages?|\bwebsites?|\be-?mails?|\battachments?|\bfetched|\bunknown|\bpeers?\b)"
        r"|\b(?:sigue|obedece|ejecuta|cumple) (?:todas |todos |las |los |cualquier |"
        r"cualesquiera )*(?:instrucciones|ordenes|comandos|peticiones)\b[^.\n]{0,40}?(?:https?://|\b(?:pagina|web|"
        r"correo|mensaje|sitio|adjunto)s?)"
        r"|\b(?:trata|considera|toma)\b[^.\n]{0,60}?\b(?:correos?|mensajes?|paginas?|texto|"
        r"contenido)\b[^.\n]{0,60}?\bcomo (?:(?:si fueran )?(?:instrucciones|ordenes|comandos)|del usuario|"
        r"de confianza)",
    ),
    (
        "orders",
        "session~conversation~turn~message~before answering~every time~whenever~each time~sesion~conversacion~"
        "cada vez~siempre que~antes de responder~when the user~cuando el usuario",
        r"\b(?:(?:start|beginning|begin|end) of (?:every|each|all|any|the next)|(?:every|each|"
        r"any) (?:new )?(?:session|conversation|turn|message|time)|before (?:answering|replying|responding)|"
        r"whenever|when(?:ever)? the user)\b[^\n]{0,100}?"
        r"\b(?:fetch|download|visit|open|load|call|ping|request|curl|wget|run|execute|read|check|get|post|"
        r"send)\b[^\n]{0,80}?(?:https?://|\.onion\b|\bpastebin|\bgist\b|webhook)"
        r"|\b(?:(?:inicio|comienzo|principio|final) de cada|cada (?:sesion|conversacion|turno|mensaje|vez)|"
        r"siempre que|antes de responder|cuando el usuario)\b[^\n]{0,100}?\b(?:descarga|visita|abre|carga|llama|"
        r"consulta|ejecuta|lee|envia|manda|accede)\w*\b[^\n]{0,80}?(?:https?://|\.onion\b|\bpastebin|webhook)"
        r"|\bwhen(?:ever)? the user (?:asks?|wants?|says?|requests?|tries)\b[^\n]{0,60}?\b(?:instead|rather|"
        r"secretly|also|first)\b[^\n]{0,40}?\b(?:run|execute|send|delete|transfer|pay|install|use the account|"
        r"replace)\b",
    ),
    (
        "orders",
        "transfer~wire~pay~bitcoin~wallet~iban~transfiere~pague",
        r"\b(?:always|whenever|from now on|replace|instead)\b[^\n]{0,60}?\b(?:transfer|wire|pay|send|"
        r"replace)\w*\b[^\n]{0,60}?\b(?:wallet|iban|bitcoin|btc|crypto|account number|"
        r"bank details)\b[^\n]{0,40}?(?:\bwith\b|\bto\b|:)",
    ),
    (
        "orders",
        "skill~peer~schedule~cron~memory~remember~memory.md~personality~memoria",
        r"\b(?:add|save|store|write|put|remember|keep)\b[^\n]{0,50}?\b(?:this|these|following) (?:rules?|"
        r"instructions?|orders?|commands?)\b[^\n]{0,40}?\b(?:to|in|into|as) (?:your |the |a )?(?:memory|memories|"
        r"personality|skill|system prompt|long-term memory)"
        r"|\b(?:guarda|anade|escribe|recuerda)\b[^\n]{0,50}?\b(?:estas?|esta|siguientes?) (?:reglas?|"
        r"instruccion(?:es)?|ordenes?)\b[^\n]{0,40}?\ben (?:tu |la )?(?:memoria|personalidad)",
    ),
    (
        "call",
        'tool_call~function_call~<invoke~<function~```call~"arguments"~tool_calls~<parameter~[tool~<tool~'
        "<result~'arguments'~call\n{",
        r"</?(?:tool_?calls?|function_?calls?|invoke|tool_?result|tool_?response|parameter|result|"
        r"function)\b[^>\n]{0,80}>|<function=|\[/?tool_(?:calls?|results?)\]"
        r"|[\"']name[\"']\s*:\s*[\"'][\w.-]+[\"']\s*,\s*[\"'](?:arguments|parameters|input)[\"']\s*:|"
        r"[\"'](?:tool_calls?|function_call)[\"']\s*:|^call\n\{",
    ),
    (
        "command",
        "curl~wget~eval~iex~rm -~base64~powershell~mkfs~dd if~/dev/tcp~:(){~authorized_keys~nc -~fetch ",
        r"\b(?:curl|wget|fetch)\b[^\n]{0,200}?\|\s*(?:sudo )?(?:/bin/|/usr/bin/)?(?:env )?(?:ba|z|da|k|fi)?sh\b|"
        r"\b(?:curl|wget)\b[^\n]{0,200}?\|\s*(?:sudo )?(?:python|perl|node|ruby|php)"
        r"|\b(?:ba|z|da)?sh (?:-c )?[\"']?(?:<\(|\$\()\s*(?:curl|wget)|\beval\s+[\"']?\$\(|\biex\s*[(&]|"
        r"\brm (?:-\w+ )*-\w*[rf]\w* (?:-\w+ |--\w[\w-]* )*[\"']?(?:~|/(?:\s|$|\*|home|etc|usr|var)|\$home|\*)"
        r"|\bbase64 (?:-d|--decode)[^\n]{0,80}\||\bpowershell[^\n]{0,60} -e(?:nc|c|ncodedcommand)?\b|\bmkfs\.|"
        r"\bdd if=[^\n]{0,60}of=/dev/|/dev/tcp/|:\(\)\s*\{|>>?\s*\S{0,60}authorized_keys|\bnc -\w*e\b",
    ),
    (
        "exfiltration",
        "curl~wget~nc ~netcat~scp~rsync~invoke-webrequest",
        r"\b(?:curl|wget|ncat?|netcat|scp|rsync|invoke-webrequest)\b[^\n]{0,200}?(?:\.env\b|\.ssh\b|id_rsa|"
        r"id_ed25519|/etc/(?:passwd|shadow)|credentials|\$\(\s*(?:cat|env|printenv|whoami)|\$\{?\w*(?:key|token|"
        r"secret|pass)\w*|@~?/\S*|--data(?:-binary)? ?@|\bmemory\.md|\buser\.md|\|\s*base64)"
        r"|(?:\.env\b|\.ssh\b|id_rsa|/etc/passwd|printenv|\benv\b|memory\.md|user\.md)[^\n]{0,60}\|\s*(?:curl|nc|"
        r"ncat|netcat|wget)\b",
    ),
)

# -- what is looked for in the text as it stands -----------------------------------------------------------------------------------
CASED: tuple[Pattern, ...] = (
    ("exfiltration", "![", r"!\[[^\]]*\]\(\s*<?(?:https?:)?//[^)\s]*[?{$%&][^)]*\)"),
    ("exfiltration", "<img~<IMG~<iframe~<script", r"<(?:img|IMG|iframe|script)\b[^>]*\b(?:src|SRC)\s*="),
)
