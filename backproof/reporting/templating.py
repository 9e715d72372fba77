"""What every page is made with: templates that escape all texts, and a script that its policy allows."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

import jinja2
from markupsafe import Markup


def environment(*packages: str) -> jinja2.Environment:
    """The templates of these packages, of the first one that has a name; what is undefined is an error."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def own_script(package: str, name: str) -> dict[str, str]:
    """`script`, one of the templates of `package`, and `script_hash`, by which a page may run it."""
    script = files(package).joinpath(f"templates/{name}").read_text("utf-8")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": Markup(script), "script_hash": f"sha256-{digest}"}  # noqa: S704 - our own
