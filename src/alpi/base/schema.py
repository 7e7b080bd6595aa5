"""The configuration's schema: every key, its type, default and meaning. docs/CONFIG.md is generated from it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

ModelName = Annotated[
    str,
    Meta(pattern=r"^([^/\s]+/\S(.*\S)?)?$", extra={"allowed": "provider/model, such as anthropic/claude-sonnet-4-6"}),
]
VariableName = Annotated[str, Meta(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", extra={"allowed": "the name of a variable"})]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Tokens = Annotated[int, Meta(ge=0)]
Window = Annotated[int, Meta(ge=1024)]


class ProviderConfig(Struct, frozen=True, kw_only=True):
    """One entry of ``providers``. A preset's name (``openai``, ``ollama``, ...) changes only the keys that are given."""

    kind: Annotated[
        Literal["openai", "anthropic", "local"] | None, Meta(description="the wire it speaks; presets know theirs")
    ] = None
    base_url: Annotated[str, Meta(description="where it listens, up to and including `/v1` where it has one")] = ""
    api_key_env: Annotated[VariableName, Meta(description="the name of the variable in `.env` that holds the key")] = ""
    headers: Annotated[dict[str, str], Meta(description="further HTTP headers; no secrets here")] = field(
        default_factory=dict
    )
    proxy: Annotated[
        str, Meta(description="an HTTP proxy for this provider; proxies of the environment are not used")
    ] = ""
    model_file: Annotated[str, Meta(description="kind `local`: a GGUF file instead of the built-in model")] = ""


Dollars = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, le=1)]


class PriceConfig(Struct, frozen=True, kw_only=True):
    """What a model costs, in USD for a million tokens. What is left out costs as much as ``input``."""

    input: Annotated[Dollars, Meta(description="tokens that are sent")] = 0.0
    output: Annotated[Dollars, Meta(description="tokens of the answer")] = 0.0
    cached: Annotated[Dollars | None, Meta(description="sent tokens that the provider had in its cache")] = None
    cache_write: Annotated[Dollars | None, Meta(description="sent tokens that it puts into its cache")] = None


class ModelConfig(Struct, frozen=True, kw_only=True):
    """One entry of ``models``: how a model wants to be asked. What is left out comes from the catalog."""

    tools: Annotated[
        list[str] | None, Meta(description="the tools it is offered, skill only where there are any; all when left out")
    ] = None
    examples: Annotated[
        str | None, Meta(description="a set of example exchanges for small models: `files`, or empty for none")
    ] = None
    instructions: Annotated[Literal["full", "compact"] | None, Meta(description="which instructions it gets")] = None
    temperature: Annotated[Temperature | None, Meta(description="sampling temperature")] = None
    max_output_tokens: Annotated[
        Tokens | None, Meta(description="the longest answer, in tokens; 0 leaves it to the provider")
    ] = None
    context_window: Annotated[Window | None, Meta(description="what fits into one request, in tokens")] = None
    thinking_tokens: Annotated[
        Tokens | None, Meta(description="budget for extended thinking (kind `anthropic`), 0 for none")
    ] = None
    reasoning_effort: Annotated[
        str | None, Meta(description="passed on as it is, for models that know it: `low`, `medium`, `high`")
    ] = None
    vision: Annotated[bool | None, Meta(description="whether it can be shown pictures")] = None
    text_calls: Annotated[
        bool | None, Meta(description="whether a tool call that it prints as text is read as one")
    ] = None
    price: Annotated[
        PriceConfig | None, Meta(description="what it costs, in USD for a million tokens; else the price list's")
    ] = None


class LimitsConfig(Struct, frozen=True, kw_only=True):
    """Bounds of a turn and of a model call."""

    steps: Annotated[int, Meta(description="model calls in one turn; then it must answer", ge=1, le=500)] = 50
    output_chars: Annotated[
        int, Meta(description="how much of a tool's output the model is shown; the rest is kept in a file", ge=1000)
    ] = 16_000
    first_byte_seconds: Annotated[float, Meta(description="how long a model may take to begin its answer", gt=0)] = 120
    silence_seconds: Annotated[float, Meta(description="how long a begun answer may stall", gt=0)] = 90
    request_seconds: Annotated[float, Meta(description="how long one model call may take in all", gt=0)] = 900
    retries: Annotated[
        int, Meta(description="how often a failed model call is tried again, before any output", ge=0, le=10)
    ] = 2


class BudgetConfig(Struct, frozen=True, kw_only=True):
    """What may be used in a day of the profile's time zone, by all surfaces together. Left out: no bound."""

    usd_per_day: Annotated[Dollars | None, Meta(description="USD a day, as far as prices are known")] = None
    tokens_per_day: Annotated[Tokens | None, Meta(description="tokens a day, sent and answered together")] = None


class MemoryConfig(Struct, frozen=True, kw_only=True):
    """How long the memory files may be, in characters. All three are part of every request."""

    user_chars: Annotated[int, Meta(description="`USER.md`: who you are", ge=200, le=100_000)] = 2000
    memory_chars: Annotated[int, Meta(description="`MEMORY.md`: what is worth knowing", ge=200, le=100_000)] = 4000
    personality_chars: Annotated[int, Meta(description="`PERSONALITY.md`: how alpi talks", ge=200, le=100_000)] = 2000


class ContextConfig(Struct, frozen=True, kw_only=True):
    """What happens when a conversation fills the model's window."""

    compact_at: Annotated[
        Share, Meta(description="the share of the window at which older turns are replaced by a summary")
    ] = 0.75
    keep_turns: Annotated[int, Meta(description="how many of the last turns stay whole", ge=1, le=50)] = 3
    window: Annotated[
        Window, Meta(description="tokens that fit into one request where the model's own number is not known")
    ] = 32_768


class TuiConfig(Struct, frozen=True, kw_only=True):
    """The chat."""

    auto_resume: Annotated[bool, Meta(description="go on with the last conversation, as `-c` does")] = False
    theme: Annotated[
        Literal["auto", "light", "dark"], Meta(description="colours; `auto` asks the terminal for its background")
    ] = "auto"
    plain: Annotated[bool, Meta(description="open the plain interface, as `--plain` does")] = False


class AlpConfig(Struct, frozen=True, kw_only=True):
    """Links to other agents (docs/ALP.md)."""

    enabled: Annotated[bool, Meta(description="`alpi serve` answers the peers in `alp/peers.yaml`")] = False
    listen: Annotated[
        str,
        Meta(
            description="the address and port to listen on for other machines, such as `100.64.0.7:7423`; empty: this one only"
        ),
    ] = ""
    allow_public: Annotated[
        bool, Meta(description="whether `listen` may be a public address or one that stands for all (`0.0.0.0`)")
    ] = False
    name: Annotated[str, Meta(description="what peers are told that this agent is called; else the profile's name")] = (
        ""
    )


class NetworkConfig(Struct, frozen=True, kw_only=True):
    """Whom tools may speak to. The open internet is open, what lies inside (this machine, private networks) is closed."""

    allow: Annotated[
        list[str],
        Meta(
            description="places inside that are open: `nas.lan`, `localhost:3000`, `192.168.1.0/24`; clouds' metadata never is"
        ),
    ] = field(default_factory=list)


class WebConfig(Struct, frozen=True, kw_only=True):
    """Searching and reading the web."""

    search: Annotated[
        Literal["duckduckgo", "searxng", "brave"],
        Meta(description="who answers `web_search`; `duckduckgo` needs no key"),
    ] = "duckduckgo"
    searxng_url: Annotated[str, Meta(description="`searxng`: the address of the instance")] = ""
    brave_key_env: Annotated[VariableName, Meta(description="`brave`: the variable in `.env` that holds the key")] = (
        "BRAVE_API_KEY"
    )
    seconds: Annotated[float, Meta(description="how long one page may take", gt=0)] = 30
    page_bytes: Annotated[int, Meta(description="how large a page may be, unpacked", ge=10_000)] = 10_000_000
    reader_model: Annotated[
        ModelName, Meta(description="a cheap model that answers a question about a page; else the one in use")
    ] = ""


class McpOauthConfig(Struct, frozen=True, kw_only=True):
    """Who alpi is when you log in at an MCP server (docs/MCP.md). Most servers need none of this: alpi registers by itself."""

    client_id: Annotated[str, Meta(description="the id that alpi was registered under beforehand")] = ""
    client_secret: Annotated[str, Meta(description="its secret: `$NAME` stands for one of `.env`")] = ""
    client_metadata_url: Annotated[
        str, Meta(description="the https address of a document that describes alpi, used where the server takes one")
    ] = ""
    redirect_port: Annotated[
        int, Meta(description="the port on 127.0.0.1 that the browser comes back to; 0: any", ge=0, le=65535)
    ] = 0


class McpServerConfig(Struct, frozen=True, kw_only=True):
    """One entry of ``mcp.servers``: a program, or an address."""

    command: Annotated[list[str], Meta(description="the program and its arguments (stdio)")] = field(
        default_factory=list
    )
    url: Annotated[str, Meta(description="the address (streamable HTTP)")] = ""
    environment: Annotated[
        dict[str, str], Meta(description="variables for the program; `$NAME` stands for a secret of `.env`")
    ] = field(default_factory=dict)
    headers: Annotated[dict[str, str], Meta(description="HTTP headers; `$NAME` stands for a secret of `.env`")] = field(
        default_factory=dict
    )
    oauth: Annotated[McpOauthConfig, Meta(description="who alpi is when you log in at an address")] = field(
        default_factory=McpOauthConfig
    )
    enabled: Annotated[bool, Meta(description="whether it is used")] = True
    seconds: Annotated[float, Meta(description="how long one call may take", gt=0)] = 60
    connect_seconds: Annotated[
        float, Meta(description="how long it may take to start and say what it offers", gt=0)
    ] = 30
    folders: Annotated[
        list[str], Meta(description="folders that the program may write, besides the workspace and `sandbox.writable`")
    ] = field(default_factory=list)
    sandbox: Annotated[
        Literal["off", "workspace", "strict"] | None,
        Meta(description="the wall around the program; left out: as around commands (`sandbox.mode`)"),
    ] = None


class McpConfig(Struct, frozen=True, kw_only=True):
    """Tools of MCP servers (docs/MCP.md)."""

    servers: Annotated[dict[str, McpServerConfig], Meta(description="the servers by name")] = field(
        default_factory=dict
    )
    prompt_tokens: Annotated[
        int,
        Meta(
            description="what the schemas of their tools may take of every request; above it, models search for them",
            ge=0,
        ),
    ] = 2000


class SkillsConfig(Struct, frozen=True, kw_only=True):
    """Skills (docs/SKILLS.md)."""

    osv_url: Annotated[str, Meta(description="who is asked whether a dependency is known to be bad")] = (
        "https://api.osv.dev"
    )


class SandboxConfig(Struct, frozen=True, kw_only=True):
    """The wall around commands."""

    mode: Annotated[
        Literal["off", "workspace", "strict"] | None,
        Meta(
            description="`workspace`: writes only there and in a private temporary folder; `strict`: no network as well; "
            "`off`. Left out: `workspace` where the machine can do it"
        ),
    ] = None
    writable: Annotated[list[str], Meta(description="further folders that commands may write")] = field(
        default_factory=list
    )
    environment: Annotated[
        list[str],
        Meta(description="further variables of your shell that commands get; a stored secret is never passed"),
    ] = field(default_factory=list)


class Config(Struct, frozen=True, kw_only=True):
    """``config.yaml`` of a profile."""

    model: Annotated[ModelName, Meta(description="the model to use; a fresh profile has none")] = ""
    fallback_models: Annotated[
        list[ModelName], Meta(description="tried in this order when a model fails before it has said anything")
    ] = field(default_factory=list)
    workspace: Annotated[
        str, Meta(description="the folder that alpi may read and write; else the one it was started in")
    ] = ""
    language: Annotated[str, Meta(description="the language to answer in; else the one that it is asked in")] = ""
    timezone: Annotated[str, Meta(description="an IANA zone such as `Europe/Madrid`; else the machine's own")] = ""
    providers: Annotated[
        dict[str, ProviderConfig], Meta(description="places where models run, besides the presets")
    ] = field(default_factory=dict)
    models: Annotated[dict[str, ModelConfig], Meta(description="settings of single models, by `provider/model`")] = (
        field(default_factory=dict)
    )
    sandbox: Annotated[SandboxConfig, Meta(description="the wall around commands")] = field(
        default_factory=SandboxConfig
    )
    budget: Annotated[BudgetConfig, Meta(description="what may be used in a day")] = field(default_factory=BudgetConfig)
    memory: Annotated[MemoryConfig, Meta(description="how long the memory files may be")] = field(
        default_factory=MemoryConfig
    )
    context: Annotated[ContextConfig, Meta(description="what happens when a conversation gets long")] = field(
        default_factory=ContextConfig
    )
    tui: Annotated[TuiConfig, Meta(description="the chat")] = field(default_factory=TuiConfig)
    alp: Annotated[AlpConfig, Meta(description="links to other agents")] = field(default_factory=AlpConfig)
    network: Annotated[NetworkConfig, Meta(description="whom tools may speak to")] = field(
        default_factory=NetworkConfig
    )
    web: Annotated[WebConfig, Meta(description="searching and reading the web")] = field(default_factory=WebConfig)
    mcp: Annotated[McpConfig, Meta(description="tools of MCP servers")] = field(default_factory=McpConfig)
    skills: Annotated[SkillsConfig, Meta(description="skills")] = field(default_factory=SkillsConfig)
    limits: Annotated[LimitsConfig, Meta(description="bounds of a turn and of a model call")] = field(
        default_factory=LimitsConfig
    )
