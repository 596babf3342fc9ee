"""What the year came to: AUC by month and by week, as a table and as a picture."""
from __future__ import annotations

import datetime

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 380, 56, 16, 28, 70
LIVE, FROZEN, INK, GRID = "#0b62a8", "#b4552d", "#444", "#ddd"


def roc_auc(scored: list[tuple[float, bool]]) -> float | None:
    """The share of pairs of a late and a punctual flight that are in the right order, ties half; nothing where one of the two is missing."""
    late = sum(1 for _, label in scored if label)
    if late in (0, len(scored)):
        return None
    ordered = sorted(scored)
    ranks, i = 0.0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        ranks += sum(label for _, label in ordered[i:j]) * (i + j + 1) / 2
        i = j
    return (ranks - late * (late + 1) / 2) / (late * (len(scored) - late))


def by_period(answers: list[dict], period: int) -> list[dict]:
    """period: how many characters of the day name it; 7 is a month. Weeks, by their Monday: 0."""
    groups: dict[str, list[dict]] = {}
    for answer in answers:
        day = datetime.date.fromisoformat(answer["day"])
        name = answer["day"][:period] if period else (day - datetime.timedelta(days=day.weekday())).isoformat()
        groups.setdefault(name, []).append(answer)
    rows = []
    for name, there in sorted(groups.items()):
        labelled = [one for one in there if one["is_late"] is not None]
        rows.append({"period": name, "flights": len(there), "late": sum(one["is_late"] for one in labelled) / max(1, len(labelled)),
                     "live": roc_auc([(one["score"], one["is_late"]) for one in labelled]),
                     "never_retrained": roc_auc([(one["never_retrained"], one["is_late"]) for one in labelled]),
                     "versions": sorted({one["version"] for one in there})})
    return rows


def table_of(rows: list[dict]) -> str:
    lines = ["| month | flights | late | AUC, live | AUC, never retrained | difference | versions that answered |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        live, frozen = row["live"], row["never_retrained"]
        numbers = f"{live:.3f} | {frozen:.3f} | {live - frozen:+.3f}" if live is not None and frozen is not None else "– | – | –"
        lines.append(f"| {row['period']} | {row['flights']:,} | {row['late']:.1%} | {numbers} | {', '.join(map(str, row['versions']))} |".replace(",", " ", 1)
                     if row["flights"] >= 1000 else
                     f"| {row['period']} | {row['flights']} | {row['late']:.1%} | {numbers} | {', '.join(map(str, row['versions']))} |")
    return "\n".join(lines)


def picture_of(weeks: list[dict], moments: list[tuple[str, str, str]]) -> str:
    """moments: (day, kind, words); kinds are promoted, rejected and fault."""
    weeks = [week for week in weeks if week["live"] is not None and week["flights"] >= 1000] or [week for week in weeks if week["live"] is not None]
    if not weeks:
        return ""
    first = datetime.date.fromisoformat(weeks[0]["period"])
    last = datetime.date.fromisoformat(weeks[-1]["period"]) + datetime.timedelta(days=6)
    values = [week[name] for week in weeks for name in ("live", "never_retrained")]
    low, high = min(0.6, min(values) - 0.01), max(0.8, max(values) + 0.01)

    def x(day: datetime.date) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - first).days / max(1, (last - first).days)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    def line(name: str, colour: str, dash: str) -> str:
        points = " ".join(f"{x(datetime.date.fromisoformat(w['period']) + datetime.timedelta(days=3)):.1f},{y(w[name]):.1f}" for w in weeks)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img" '
           f'aria-label="ROC AUC by week, of the model that is retrained and of the first one">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    tick = round(low * 20 + 0.5) / 20
    while tick <= high + 1e-9:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="{GRID}"/>'
                   f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="{INK}">{tick:.2f}</text>')
        tick = round(tick + 0.05, 2)
    month = first.replace(day=1)
    while month <= last:
        if month >= first:
            out.append(f'<line x1="{x(month):.1f}" x2="{x(month):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{GRID}"/>')
        if x(max(month, first)) < WIDTH - 50:
            out.append(f'<text x="{x(max(month, first)) + 4:.1f}" y="{HEIGHT - BOTTOM + 16}" fill="{INK}">{month:%b}</text>')
        month = (month + datetime.timedelta(days=32)).replace(day=1)
    marks = {"promoted": ("▲", LIVE), "rejected": ("▽", INK), "fault": ("✕", "#a00")}
    for day, kind, words in moments:
        at = datetime.date.fromisoformat(day)
        if first <= at <= last:
            mark, colour = marks[kind]
            out.append(f'<text x="{x(at):.1f}" y="{HEIGHT - BOTTOM + 34}" text-anchor="middle" fill="{colour}">{mark}<title>{day}: {words}</title></text>')
    out.append(line("never_retrained", FROZEN, ' stroke-dasharray="6 4"'))
    out.append(line("live", LIVE, ""))
    out.append(f'<text x="{LEFT}" y="16" fill="{LIVE}">— live: the champion of the day</text>'
               f'<text x="{LEFT + 220}" y="16" fill="{FROZEN}">- - never retrained</text>'
               f'<text x="{WIDTH - RIGHT}" y="16" text-anchor="end" fill="{INK}">ROC AUC by week</text>'
               f'<text x="{LEFT}" y="{HEIGHT - 10}" fill="{INK}">▲ a challenger became champion   ▽ one was turned away   ✕ a planted fault</text></svg>')
    return "\n".join(out) + "\n"
