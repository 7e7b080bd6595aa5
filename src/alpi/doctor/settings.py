"""The settings: config.yaml and .env, the workspace, and what the machine's policy restricts."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.dotenv import load_env
from ..base.errors import AlpiError
from ..base.sizes import counted
from . import Finding, Subject


def check_config(subject: Subject) -> list[Finding]:
    """Whether config.yaml and .env can be read, and what is odd about them."""
    findings = []
    if subject.problem is not None:
        hint = subject.problem.hint or f"Mend {subject.paths.config}; the version before is in config.yaml.bak"
        findings.append(Finding("failed", subject.problem.message, hint))
    try:
        keys = load_env(subject.paths.env)
    except AlpiError as error:
        if subject.problem is None or error.message != subject.problem.message:
            findings.append(Finding("failed", error.message, error.hint))
        keys = {}
    findings += [
        Finding("warning", warning, "" if "Run:" in warning else f"Mend it in {subject.paths.config}")
        for warning in subject.warnings
    ]
    empty = sorted(name for name, value in keys.items() if not value)
    findings += [
        Finding("warning", f"{name} in {subject.paths.env} is empty", f"alpi config key {name}") for name in empty
    ]
    if not subject.paths.config.exists():
        findings.append(Finding("warning", f"there is no {subject.paths.config}", "Begin with: alpi setup"))
    return findings or [Finding("ok", f"{subject.paths.config}, and {counted(len(keys), 'key')} in .env")]


def check_workspace(subject: Subject) -> list[Finding]:
    """Whether the workspace is set, is there, can be written, and is not the whole home folder."""
    setting = subject.settings.workspace
    change = "alpi config set workspace FOLDER"
    if not setting:
        text = "none is set: alpi works in the folder that it is started in"
        return [Finding("warning", text, f"Set one: {change}")]
    try:
        folder = Path(setting).expanduser()
    except RuntimeError:
        return [Finding("failed", f"{setting}: nobody of that name is known here", change)]
    if not folder.is_absolute():
        return [Finding("failed", f"{setting} is not an absolute path", change)]
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        return [Finding("failed", f"{folder} {what}", f"mkdir -p {folder}, or: {change}")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Finding("failed", f"{folder} cannot be written", f"Look who owns it: ls -ld {folder}; or: {change}")]
    real, home = folder.resolve(), subject.home.resolve()
    if real == home or home.is_relative_to(real):
        text = f"{folder} is your whole home folder: alpi may write to everything in it"
        return [Finding("warning", text, f"Choose a folder below it: {change}")]
    return [Finding("ok", str(folder))]


def check_policy(subject: Subject) -> list[Finding]:
    """What the machine's policy restricts, and whether it can be relied on."""
    policy = subject.policy
    if policy.broken:
        return [Finding("failed", policy.broken_reason(), f"Mend {policy.path}: it must be root's and valid")]
    if not policy.exists:
        return [Finding("ok", "this machine has none")]
    said = policy.describe()
    return [Finding("ok", f"{policy.path}: {'; '.join(said) if said else 'it restricts nothing'}")]
