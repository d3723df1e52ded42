"""What launchd would say of a property list, for machines that have no launchd.

plistlib reads what launchd refuses or passes over in silence: it keeps the last of two equal keys and knows
nothing of launchd's own keys. Keys and types are those of launchd.plist(5) on macOS 15.
"""

from __future__ import annotations

import plistlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

Types = tuple[type, ...]

_TOP: Final[Mapping[str, Types]] = {
    "Label": (str,),
    "Disabled": (bool,),
    "Program": (str,),
    "ProgramArguments": (list,),
    "EnvironmentVariables": (dict,),
    "WorkingDirectory": (str,),
    "RootDirectory": (str,),
    "StandardInPath": (str,),
    "StandardOutPath": (str,),
    "StandardErrorPath": (str,),
    "RunAtLoad": (bool,),
    "KeepAlive": (bool, dict),
    "StartInterval": (int,),
    "StartCalendarInterval": (dict, list),
    "StartOnMount": (bool,),
    "WatchPaths": (list,),
    "QueueDirectories": (list,),
    "ThrottleInterval": (int,),
    "ExitTimeOut": (int,),
    "TimeOut": (int,),
    "ProcessType": (str,),
    "Nice": (int,),
    "LowPriorityIO": (bool,),
    "LowPriorityBackgroundIO": (bool,),
    "AbandonProcessGroup": (bool,),
    "EnablePressuredExit": (bool,),
    "EnableTransactions": (bool,),
    "Umask": (int, str),
    "UserName": (str,),
    "GroupName": (str,),
    "InitGroups": (bool,),
    "SessionCreate": (bool,),
    "LimitLoadToSessionType": (str, list),
    "LimitLoadToHardware": (dict,),
    "SoftResourceLimits": (dict,),
    "HardResourceLimits": (dict,),
    "AssociatedBundleIdentifiers": (str, list),
    "MaterializeDatalessFiles": (bool,),
    "MachServices": (dict,),
    "Sockets": (dict,),
    "LaunchEvents": (dict,),
    "LegacyTimers": (bool,),
    "Debug": (bool,),
    "WaitForDebugger": (bool,),
}
_KEEP_ALIVE: Final[Mapping[str, Types]] = {
    "SuccessfulExit": (bool,),
    "Crashed": (bool,),
    "NetworkState": (bool,),
    "AfterInitialDemand": (bool,),
    "PathState": (dict,),
    "OtherJobEnabled": (dict,),
}
_LIMITS: Final[Mapping[str, Types]] = dict.fromkeys(
    (
        "Core",
        "CPU",
        "Data",
        "FileSize",
        "MemoryLock",
        "NumberOfFiles",
        "NumberOfProcesses",
        "ResidentSetSize",
        "Stack",
    ),
    (int,),
)
_NESTED: Final = {
    "KeepAlive": _KEEP_ALIVE,
    "SoftResourceLimits": _LIMITS,
    "HardResourceLimits": _LIMITS,
}
_PATHS: Final = ("Program", "WorkingDirectory", "StandardInPath", "StandardOutPath", "StandardErrorPath")
_PROCESS_TYPES: Final = ("Background", "Standard", "Adaptive", "Interactive")


def mistakes(data: bytes) -> list[str]:
    """Everything that is wrong with this launch agent; empty for a good one."""
    try:
        plist = plistlib.loads(data)
        duplicates = list(_duplicates(data))
    except (ExpatError, plistlib.InvalidFileException, ElementTree.ParseError, ValueError) as err:
        return [f"cannot be read: {err}"]
    if not isinstance(plist, dict):
        return ["is no dictionary"]
    return [*duplicates, *_wrong_types(plist, _TOP, ""), *_wrong_values(plist)]


def _duplicates(data: bytes) -> Iterator[str]:
    if not data.lstrip().startswith(b"<"):
        return
    for element in ElementTree.fromstring(data).iter("dict"):
        names = Counter(child.text for child in element if child.tag == "key")
        yield from (f"{name}: stands there twice" for name, times in names.items() if times > 1)


def _wrong_types(plist: Mapping[str, object], known: Mapping[str, Types], where: str) -> Iterator[str]:
    for key, value in plist.items():
        if key not in known:
            yield f"{where}{key}: unknown"
        elif not isinstance(value, known[key]) or (isinstance(value, bool) and bool not in known[key]):
            yield f"{where}{key}: is a {type(value).__name__}"
        elif isinstance(value, dict) and key in _NESTED:
            yield from _wrong_types(value, _NESTED[key], f"{key}.")


def _wrong_values(plist: Mapping[str, object]) -> Iterator[str]:
    if not plist.get("Label"):
        yield "Label: missing"
    if not plist.get("Program") and not plist.get("ProgramArguments"):
        yield "ProgramArguments: missing"
    if plist.get("ProcessType", "Standard") not in _PROCESS_TYPES:
        yield f"ProcessType: {plist['ProcessType']!r}"
    arguments = plist.get("ProgramArguments") or []
    environment = plist.get("EnvironmentVariables") or {}
    if isinstance(arguments, list) and not all(isinstance(word, str) for word in arguments):
        yield "ProgramArguments: holds what is no text"
    if isinstance(environment, dict) and not all(isinstance(value, str) for value in environment.values()):
        yield "EnvironmentVariables: holds what is no text"
    paths = [(key, plist[key]) for key in _PATHS if key in plist]
    if isinstance(arguments, list) and arguments and "Program" not in plist:
        paths.append(("ProgramArguments", arguments[0]))
    for key, path in paths:
        if not str(path).startswith("/"):
            yield f"{key}: {path!r} is not absolute (launchd expands neither ~ nor $HOME)"
