"""Citations: [@Key] in a source becomes a link, and a full entry in the references part, from references.bib."""

import re
from pathlib import Path

ENTRY = re.compile(r"^@\w+\{\s*([^,\s]+)\s*,(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", re.MULTILINE)
CITATION = re.compile(r"\[@([\w:.-]+)\]")


def read_bibliography(path: Path) -> dict[str, dict[str, str]]:
    """{key: {field: text}} of a .bib file with one field a line, `name = {text},`; {} if there is no file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {key: dict(FIELD.findall(body)) for key, body in ENTRY.findall(text)}


def address(entry: dict[str, str]) -> str:
    """Where the work can be read: arXiv first, then its DOI, then a url; '' if the entry has none."""
    if "eprint" in entry:
        return f"https://arxiv.org/abs/{entry['eprint']}"
    return f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url", "")


def describe(key: str, entry: dict[str, str]) -> str:
    """One entry of the list of references, as Markdown."""
    people = [name.partition(",")[0] for name in entry.get("author", "").split(" and ") if name]
    many = len(people) > 3 or "others" in people
    authors = f"{people[0]} et al." if many else " and ".join(filter(None, [", ".join(people[:-1]), *people[-1:]]))
    where = entry.get("note") or entry.get("year", "")
    label = f"arXiv:{entry['eprint']}" if "eprint" in entry else "online"
    link = f" [{label}]({address(entry)})" if address(entry) else ""
    return f"**[{key}]** {authors}: *{entry.get('title', '')}*. {where}.{link}"


def cite(text: str, entries: dict[str, dict[str, str]], full: bool) -> str:
    """Replace every [@Key] that has an entry: by the whole entry if full, else by a link with the key."""

    def one(match: re.Match) -> str:
        key = match[1]
        if key not in entries:
            return match[0]
        if not full:
            return f"[[{key}]]({address(entries[key])})" if address(entries[key]) else f"[{key}]"
        remark = re.match(r" ?\w", text[match.end() :])  # what the lesson says about the work
        return describe(key, entries[key]) + ("<br>Here:" if remark else "")

    return CITATION.sub(one, text)
