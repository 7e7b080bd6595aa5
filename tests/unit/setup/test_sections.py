"""The other sections and the menu: what they write, what they warn of, what the machine forbids, and what leaving them leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alpi.base.errors import ConfigError, Refused, UsageError
from alpi.base.paths import profile_paths
from alpi.safety.policy import Policy, parse_policy
from alpi.safety.sandbox import Backend, Capability
from alpi.setup import budget, personality, sandbox, workspace
from alpi.setup.interview import Left
from alpi.setup.sections import SECTIONS, run_menu, run_section
from alpi.setup.site import Site
from alpi.setup.write import Change, planned, save
from tests.support.program import Home
from tests.support.stage import in_loop
from tests.unit.setup.people import DEFAULT, LEAVES, Scripted, config, files, site


def settings(home: Home) -> dict[str, object]:
    return yaml.safe_load(config(home)) or {}


def policy(home: Home, text: str) -> Policy:
    return parse_policy(text, home.folder / "policy.yaml")


def both(*_: object) -> list[Backend]:
    """A machine that can do all."""
    return [Backend("bubblewrap", True, can=frozenset(Capability))]


# -- writing ---------------------------------------------------------------------------------------------------------------


def test_what_is_planned_is_not_written_and_what_is_wrong_is_not_either(home: Home) -> None:
    paths = profile_paths(None, home.environ)
    assert planned(paths, [Change(("limits", "steps"), 9)]).config.limits.steps == 9
    assert not home.alpi.exists()
    for change in (Change(("limits", "steps"), 0), Change(("no", "such"), 1)):
        with pytest.raises(ConfigError):
            save(paths, [Change(("language",), "en"), change], {"A_KEY": "sk-1"})
        assert files(home) == {}, "neither the right half of the settings nor the key"


def test_settings_keep_comments_and_the_file_before(home: Home) -> None:
    home.alpi.mkdir()
    (home.alpi / "config.yaml").write_text("# mine\nlanguage: de  # so\n")
    paths = profile_paths(None, home.environ)
    save(paths, [Change(("language",), "en"), Change(("budget", "usd_per_day"), 2)], {"A_KEY": "sk-1"})
    assert config(home) == "# mine\nlanguage: en  # so\nbudget:\n  usd_per_day: 2\n"
    assert (home.alpi / "config.yaml.bak").read_text() == "# mine\nlanguage: de  # so\n"
    assert (home.alpi / ".env").read_text() == "A_KEY=sk-1\n"


# -- workspace -------------------------------------------------------------------------------------------------------------


def test_a_folder_is_chosen_from_sensible_ones(home: Home) -> None:
    (home.folder / "projects").mkdir()
    ask = Scripted(str(home.folder / "projects"))
    in_loop(workspace.run_workspace)(site(home), ask)
    assert [option.value for option in ask.offered[0]] == [
        str(home.workspace), str(home.folder / "projects"), str(home.folder / "alpi"), "+type",
    ]  # fmt: skip
    assert settings(home) == {"workspace": str(home.folder / "projects")}


def test_a_new_folder_is_made_when_that_is_wanted(home: Home) -> None:
    with pytest.raises(Left):
        in_loop(workspace.run_workspace)(site(home), Scripted("+type", "~/new/deep", False))
    assert files(home) == {}
    assert not (home.folder / "new").exists()
    in_loop(workspace.run_workspace)(site(home), Scripted("+type", "~/new/deep", True))
    assert (home.folder / "new" / "deep").is_dir()


def test_the_home_folder_is_not_suggested_and_is_warned_of(home: Home) -> None:
    ask = Scripted("+type", "~", DEFAULT)
    with pytest.raises(Left):
        in_loop(workspace.run_workspace)(site(home), ask)
    assert "your home folder" in ask.told("warning")
    assert str(home.folder) not in [option.value for option in ask.offered[0]]
    in_loop(workspace.run_workspace)(site(home), Scripted("+type", "~", True))
    assert settings(home) == {"workspace": str(home.folder)}


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/", "whole disk"),
        ("{above}", "home folder lies in it"),
        ("/etc", "belongs to the system"),
        ("{home}/.config", "gcloud"),
    ],
)
def test_unwise_folders_are_warned_of(home: Home, folder: str, words: str) -> None:
    (home.folder / ".config" / "gcloud").mkdir(parents=True)
    place = Path(folder.format(home=home.folder, above=home.folder.parent))
    assert words in " ".join(workspace.warnings(place, site(home)))
    assert workspace.warnings(home.workspace, site(home)) == []


def test_a_folder_with_keys_in_it_is_warned_of(home: Home) -> None:
    (home.workspace / ".env").write_text("X=1")
    (found,) = workspace.warnings(home.workspace, site(home))
    assert ".env" in found


@pytest.mark.parametrize("name", [".ssh", ".alpi", ".alpi/memory", ".aws/deep", ".local/bin"])
def test_places_of_keys_and_of_alpi_are_refused(home: Home, name: str) -> None:
    (home.folder / name).mkdir(parents=True)
    ask = Scripted("+type", f"~/{name}", LEAVES)
    with pytest.raises(Left):
        in_loop(workspace.run_workspace)(site(home), ask)
    assert len(ask.objections) == 1
    with pytest.raises(Refused):
        workspace.set_workspace(site(home), home.folder / name, make=False)
    (home.workspace / "link").symlink_to(home.folder / name)
    assert workspace.refused(home.workspace / "link", site(home)), "a link to it is no other place"


def test_a_file_is_no_folder(home: Home) -> None:
    (home.workspace / "f").write_text("")
    assert "not a folder" in workspace.unusable(str(home.workspace / "f"), site(home))


# -- personality -----------------------------------------------------------------------------------------------------------


def test_a_personality_is_shown_before_it_is_taken(home: Home) -> None:
    made = site(home)
    ask = Scripted("coder", False)
    with pytest.raises(Left):
        in_loop(personality.run_personality)(made, ask)
    text = made.personalities().presets()["coder"]
    assert text.strip() in ask.told("quiet")
    assert made.personalities().current() == ""
    in_loop(personality.run_personality)(made, Scripted("coder", True))
    assert made.personalities().current() == text
    assert personality.state_of_personality(made) == ("coder", False)
    in_loop(personality.run_personality)(made, Scripted(DEFAULT, True))


def test_a_text_of_ones_own_is_told_of_and_kept_in_the_history(home: Home) -> None:
    made = site(home)
    (home.alpi / "memory").mkdir(parents=True)
    (home.alpi / "memory" / "PERSONALITY.md").write_text("Talk like a pirate.\n")
    assert personality.state_of_personality(made) == ("a text of your own", False)
    ask = Scripted("ops", True)
    in_loop(personality.run_personality)(made, ask)
    assert "text of your own" in ask.told("warning")
    assert "pirate" in (home.alpi / "memory" / "history.jsonl").read_text()


def test_there_are_four_personalities(home: Home) -> None:
    assert (
        set(site(home).personalities().presets()) == {"personal", "coder", "ops", "research"} == set(personality.ABOUT)
    )
    with pytest.raises(UsageError):
        personality.set_personality(site(home), "pirate")


# -- budget ----------------------------------------------------------------------------------------------------------------


def test_a_budget_is_set_changed_and_taken_away(home: Home) -> None:
    made = site(home)
    in_loop(budget.run_budget)(made, Scripted("usd", "two", "$2"))
    assert settings(home) == {"budget": {"usd_per_day": 2}}
    in_loop(budget.run_budget)(made, Scripted("tokens", "1.5", "3M"))
    assert settings(home) == {"budget": {"usd_per_day": 2, "tokens_per_day": 3_000_000}}
    assert budget.state_of_budget(made) == ("2 USD a day and 3,000,000 tokens a day", False)
    in_loop(budget.run_budget)(made, Scripted("none"))
    assert settings(home) == {}


def test_nothing_at_all_is_asked_twice(home: Home) -> None:
    with pytest.raises(Left):
        in_loop(budget.run_budget)(site(home), Scripted("usd", "0", DEFAULT))
    assert files(home) == {}


def test_the_machines_budget_is_shown_and_not_passed(home: Home) -> None:
    made = site(home, policy=policy(home, "budget: {usd_per_day: 5}\n"))
    ask = Scripted("usd", "6", "5")
    in_loop(budget.run_budget)(made, ask)
    assert "at most 5 USD" in ask.told("warning")
    assert ask.objections == ["The machine's policy allows at most 5"]
    with pytest.raises(UsageError, match="more than the 5"):
        budget.set_budget(made, 6, None)


@given(st.integers(0, 10**12), st.sampled_from(["{:,}", "{}", "${}", " {} ", "{:_}"]))
def test_an_amount_is_read_as_people_write_it(number: int, form: str) -> None:
    assert budget.amount(form.format(number)) == number


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e99", "1,5", "$", "1..2"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        budget.amount(text)


# -- sandbox ---------------------------------------------------------------------------------------------------------------


def test_a_mode_is_chosen_from_what_the_machine_can_do(home: Home) -> None:
    weak = [
        Backend("landlock", True, can=frozenset(Capability) - {Capability.NETWORK}),
        Backend("bubblewrap", False, "not installed"),
    ]
    made = site(home, backends=lambda: weak)
    ask = Scripted("workspace")
    in_loop(sandbox.run_sandbox)(made, ask)
    assert {option.value: bool(option.refused) for option in ask.offered[0]} == {
        "auto": False, "workspace": False, "strict": True, "off": False,
    }  # fmt: skip
    assert "bubblewrap: does not work here: not installed" in ask.told()
    assert settings(home) == {"sandbox": {"mode": "workspace"}}
    in_loop(sandbox.run_sandbox)(made, Scripted("auto"))
    assert settings(home) == {}
    with pytest.raises(UsageError):
        sandbox.set_sandbox(made, "strict", weak)


def test_the_machine_may_demand_a_mode(home: Home) -> None:
    made = site(home, policy=policy(home, "sandbox: workspace\n"), backends=both)
    ask = Scripted("strict")
    in_loop(sandbox.run_sandbox)(made, ask)
    reasons = {option.value: option.refused for option in ask.offered[0]}
    assert "demands workspace" in reasons["off"]
    assert not reasons["workspace"]
    with pytest.raises(Refused):
        sandbox.set_sandbox(made, "off", both())


# -- the menu --------------------------------------------------------------------------------------------------------------


def test_without_a_model_the_menu_begins_with_it_and_leaving_is_harmless(home: Home) -> None:
    ask = Scripted(LEAVES, "budget", "usd", "3", "sandbox", LEAVES, LEAVES)
    in_loop(run_menu)(site(home, backends=both), ask)
    assert not ask.answers
    assert ask.asked[0] == "Where does your model run?"
    assert "nothing was changed" in ask.told("quiet")
    menu = {option.value: option.note for option in ask.offered[0]}
    assert menu["model"] == "! none yet"
    assert menu["workspace"].startswith("! ")
    assert menu["+done"] == "without a model alpi cannot answer"
    assert settings(home) == {"budget": {"usd_per_day": 3}}


def test_an_error_ends_a_section_and_not_the_menu(home: Home) -> None:
    (home.alpi).mkdir()
    (home.alpi / "config.yaml").write_text("model: a/b\nproviders: {x: {kind: openai}}\n")
    ask = Scripted("model", "+done")
    in_loop(run_menu)(site(home), ask)
    assert "providers.x has no base_url" in ask.told("bad")


def test_each_section_tells_its_state_on_a_fresh_profile(home: Home) -> None:
    made: Site = site(home)
    assert {found.name: found.state(made)[1] for found in SECTIONS} == {
        "model": True, "workspace": True, "personality": False, "budget": False, "sandbox": False,
        "services": False, "peers": False, "mcp": False,
    }  # fmt: skip
    assert files(home) == {}, "looking writes nothing"


def test_one_section_says_whether_it_came_to_its_end(home: Home) -> None:
    results: list[bool] = []

    @in_loop
    async def run() -> None:
        results.append(await run_section(site(home), Scripted(LEAVES), "workspace"))
        results.append(await run_section(site(home), Scripted(str(home.workspace)), "workspace"))

    run()
    assert results == [False, True]
