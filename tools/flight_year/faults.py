"""What can be planted into the year, when it has to be noticed, and by which name."""
from __future__ import annotations

import re

from flight_year.feed import DAY, HOUR, Flight, seconds_of, text_of
from flight_year.world import Failed

MPH_PER_METRE_A_SECOND = 2.236936
LOOKS = HOUR // 2   # after midnight UTC, when the windows of the day before have ended
ALL_YEAR = "wind@2013-04-10,carrier@2013-04-23,labels@2013-05-07,challenger@2013-05-28"


class Fault:
    """Of whole days, from midnight UTC on."""
    days = 0           # how long it lasts
    due_days = 0       # until a look must have noticed it: the window has nothing but the fault, and as many looks have failed as `for` says
    notices: tuple[str, tuple[str, ...]] = ("", ())   # the monitor, and one of which columns
    what = ""

    def __init__(self, name: str, start: int):
        self.name, self.start, self.end = name, start, start + self.days * DAY
        self.due = start + self.due_days * DAY + LOOKS
        self.caught: dict | None = None

    def is_on(self, at: int) -> bool:
        return self.start <= at < self.end

    def spoil(self, flight: Flight) -> None:
        """What is asked and delivered of a flight while it lasts."""

    def notice(self, told: dict, at: int) -> None:
        monitor, columns = self.notices
        if self.caught is None and at >= self.start and told.get("event") == "firing" and told.get("monitor") == monitor and \
                (not columns or told.get("column") in columns):
            self.caught = {"at": text_of(at), "by": " ".join(filter(None, (monitor, told.get("column")))), "text": told.get("text", "")}


class Wind(Fault):
    days, due_days, notices = 6, 3, ("drift psi 2", ("wind_speed", "wind_gust"))
    what = "wind speeds come in metres per second instead of miles per hour"

    def spoil(self, flight: Flight) -> None:
        flight.delivered = {**flight.delivered, **{name: round(value / MPH_PER_METRE_A_SECOND, 2) for name in ("wind_speed", "wind_gust")
                                                   if (value := flight.delivered[name]) is not None}}


class Carrier(Fault):
    days, due_days, notices = 3, 1, ("quality missing", ("airline",))
    what = "the carrier of every flight is null"

    def spoil(self, flight: Flight) -> None:
        flight.delivered = {**flight.delivered, "carrier": None}


class Labels(Fault):
    days, due_days, notices = 5, 3, ("metric roc_auc 2", ())
    what = "every label that is posted says the opposite of what happened"


class Challenger(Fault):
    days, due_days = 1, 4
    what = "a version trained on inverted outcomes, which its gate cannot tell from a good one, is moved by hand from its shadow into a canary"

    def __init__(self, name: str, start: int):
        super().__init__(name, start)
        self.version = 0
        self.champion = 0

    def notice_step(self, step: dict) -> None:
        if self.version and self.caught is None and step["version"] == self.version and step["from"] == "canary" and step["to"] == "rejected":
            self.caught = {"at": step["at"], "by": "limits of the rollout", "text": step["reason"]}


KINDS = {"wind": Wind, "carrier": Carrier, "labels": Labels, "challenger": Challenger}


def faults_of(text: str) -> list[Fault]:
    faults = []
    for word in filter(None, text.split(",") if text != "none" else []):
        found = re.fullmatch(r"(\w+)@(\d{4}-\d\d-\d\d)", word.strip())
        if not found or found.group(1) not in KINDS:
            raise Failed(f"'{word}' is no fault: KIND@YYYY-MM-DD, of the kinds {', '.join(KINDS)}")
        faults.append(KINDS[found.group(1)](found.group(1), seconds_of(found.group(2))))
    return faults
