"""Prices and budgets: is it known what the models cost, and how much of the day's budget is used."""

from __future__ import annotations

from ..base.errors import AlpiError
from ..base.sizes import counted
from ..state.budget import NANO, usd
from . import Finding, Subject

NEARLY = 0.9


def check_prices(subject: Subject) -> list[Finding]:
    """Whether each model in use has a price."""
    config = subject.settings
    names = [name for name in (config.model, *config.fallback_models) if name]
    if not names:
        return [Finding("ok", "no model is set")]
    assert subject.money is not None
    findings = []
    for name in names:
        try:
            price = subject.money.prices.price(name, subject.clock.now())
        except AlpiError as error:
            findings.append(Finding("failed", error.message, error.hint))
            continue
        if price.tariff is None:
            hint = f"Set it: alpi config set models.{name}.price.input 3 (USD for a million tokens), and .output"
            findings.append(Finding("warning", f"the price of {name} is not known; its tokens are counted", hint))
        else:
            findings.append(Finding("ok", f"{name}: {price.source}"))
    return findings


def check_budget(subject: Subject) -> list[Finding]:
    """How much of each budget is used today, and whether there is one."""
    assert subject.money is not None
    today = subject.money.ledger.today()
    amount = today.usd
    spent = f"{today.tokens:,} tokens" + (f", {usd(amount)} USD" if amount is not None else "")
    if not subject.money.caps:
        hint = "Set one: alpi config set budget.usd_per_day 2.5, or budget.tokens_per_day 2000000"
        local = subject.settings.model.startswith("local/")
        return [
            Finding(
                "ok" if local else "warning", f"there is no daily budget; used today: {spent}", "" if local else hint
            )
        ]
    findings = []
    cut_off = subject.money.ledger.cut_off()
    if cut_off:
        text = f"{counted(len(cut_off), 'call')} of today never ended, as when alpi is killed, and count in full"
        findings.append(Finding("warning", text, "If they were not paid for: alpi cost --release"))
    for cap in subject.money.caps:
        used = today.used()
        if cap.usd is not None:
            share, of = used.nano / NANO / cap.usd if cap.usd else 1.0, f"{usd(cap.usd)} USD"
        else:
            most = cap.tokens or 0
            share, of = used.tokens / most if most else 1.0, f"{most:,} tokens"
        text = f"{min(share, 9.99):.0%} of {of} a day used ({spent})"
        findings.append(Finding("warning" if share >= NEARLY else "ok", text, cap.hint if share >= NEARLY else ""))
    return findings
