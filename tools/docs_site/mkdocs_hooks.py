"""Hooks of MkDocs: the pages of the reference, and links that leave docs/."""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

from tools.docs_site import commands, endpoints, errors, glossary, metrics
from tools.local_stack.data_dir import PROJECT

REFERENCE = {
    "reference/endpoints.md": endpoints.page,
    "reference/commands.md": commands.page,
    "reference/nouns.md": glossary.page,
    "reference/errors.md": errors.page,
    "reference/metrics.md": metrics.page,
}
# The folder of the site for files outside docs/ that pages link to.
ELSEWHERE = "checkout"
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    for path, page in REFERENCE.items():
        files.append(File.generated(config, path, content=page()))
    icon = PROJECT / "foam" / "static" / "foam" / "icon.svg"
    files.append(File.generated(config, "icon.svg", content=icon.read_text()))
    pages = [file for file in files if file.src_uri.endswith(".md")]
    while pages:
        for path in linked_outside(pages.pop()):
            new = File.generated(
                config, f"{ELSEWHERE}/{path}", content=(PROJECT / path).read_text()
            )
            if new.src_uri not in files.src_uris:
                files.append(new)
                if path.endswith(".md"):
                    pages.append(new)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite links, which are right in the checkout, to the places of the files in the site."""
    here = PurePosixPath(page.file.src_uri).parent

    def moved(match: re.Match[str]) -> str:
        target = in_site(in_checkout(page.file.src_uri, match[2]))
        return match[1] + os.path.relpath(target, here).replace(os.sep, "/")

    return LINK.sub(moved, markdown)


def linked_outside(file: File) -> list[str]:
    """Return the files outside docs/ that a page links to, from the top of the checkout."""
    paths = [in_checkout(file.src_uri, link) for _, link in LINK.findall(file.content_string)]
    return [path for path in paths if not path.startswith("docs/") and (PROJECT / path).is_file()]


def in_checkout(page: str, link: str) -> str:
    """Return the path, from the top of the checkout, that a page of the site links to."""
    inside = PurePosixPath(page)
    is_elsewhere = inside.parts[0] == ELSEWHERE
    place = Path(*inside.parts[1:]) if is_elsewhere else Path("docs") / inside
    return os.path.normpath(place.parent / link).replace(os.sep, "/")


def in_site(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{ELSEWHERE}/{path}"
