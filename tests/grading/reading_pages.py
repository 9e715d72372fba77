"""What tests find in a page: what it loads, what its script is, what is read."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

ALLOWED_LINK = re.compile(r"#[a-z0-9-]+|data:,|pages/[0-9A-Za-z_-]+\.html")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links, self.scripts, self.texts, self.attributes, self.policy = [], [], [], [], ""
        self.inside = ""

    def handle_starttag(self, tag, attributes) -> None:
        given = dict(attributes)
        self.inside = tag if tag in ("script", "style") else self.inside
        self.links += [given[name] for name in ("href", "src", "action", "data") if name in given]
        self.attributes += [(tag, name) for name in given]
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag) -> None:
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif not self.inside:
            self.texts.append(data)


def read_page(page):
    """A reader with `links`, `scripts`, `policy` and `attributes` of a page."""
    reader = _Reader()
    reader.feed(page)
    return reader


def words_of(page):
    """What is read on a page, with single spaces."""
    return " ".join(" ".join(read_page(page).texts).split())


def problems_of(page):
    """What is wrong with a page's safety, one line each: it may load nothing and run its own script only."""
    reader = read_page(page)
    found = [f"links to {link}" for link in reader.links if not ALLOWED_LINK.fullmatch(link)]
    found += [f"has {name} of {tag}" for tag, name in reader.attributes if name.startswith("on")]
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in reader.scripts]
    if [f"script-src 'sha256-{digest}'" for digest in hashes] != re.findall(
        r"script-src [^;]*", reader.policy
    ):
        found.append("its scripts are not those that its policy names")
    if "default-src 'none'" not in reader.policy:
        found.append("its policy lets it load things")
    found += [f"loads {what}" for what in re.findall(r"@import|url\([^)]*\)", page)]
    return found
