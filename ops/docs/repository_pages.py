"""MkDocs hook: pages from outside docs/, and links that hold on the Git host and in the site.

Links are written as the Git host needs them, relative to the file. In the site, those to a Markdown file or a picture lead
to its page; those to code lead to the Git host that CLOSECAST_REPOSITORY_URL names, or, without it, are text. A link to
what is not there is a warning, and so ends the build.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Of the folders of code only these have pages.
_PAGES = ("*.md", "benchmarks/*", "localstack/*.md", "policies/**/*.md", "terraform/**/*.md")
_SUFFIXES = (".md", ".png", ".svg")
_HOME = "README.md"
_CODE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2|`[^`]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_KEPT = re.compile(r"\0(\d+)\0")
_ELSEWHERE = re.compile(r"[a-z]+:|#")
_LOG = get_plugin_logger("repository_pages")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the menu the pages beside the README, such as the changelog."""
    root = _root(config)
    beside = sorted(path.name for path in root.glob("*.md") if path.name != _HOME)
    if config.nav is not None and beside:
        config.nav = [*config.nav, {"Project": beside}]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages of the repository that are outside docs/."""
    root = _root(config)
    for path in sorted(_outside(root)):
        uri = _uri(path, config)
        files.append(File.generated(config, uri, abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the page's links to files of the repository into links that the site has."""
    own = _source(page.file, config)
    return markdown if own is None else rewritten(markdown, own, config, files)


def rewritten(markdown: str, own: str, config: MkDocsConfig, files: Files) -> str:
    """The text of the repository's file `own` with its links as the site needs them; code is left alone."""
    code: list[str] = []

    def keep(found: re.Match[str]) -> str:
        code.append(found[0])
        return f"\0{len(code) - 1}\0"

    def link(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        if _ELSEWHERE.match(target):
            return found[0]
        address = _address(own, target, config, files)
        return text if address is None else f"{mark}[{text}]({address})"

    return _KEPT.sub(lambda found: code[int(found[1])], _LINK.sub(link, _CODE.sub(keep, markdown)))


def _address(own: str, target: str, config: MkDocsConfig, files: Files) -> str | None:
    """Where the link leads in the site; None if that is code, and no Git host is named."""
    path, mark, anchor = target.partition("#")
    named = posixpath.normpath(posixpath.join(posixpath.dirname(own), path))
    place = _root(config) / named
    if named.startswith("..") or not place.exists():
        _LOG.warning("%s has a link to %s, which is not in the repository", own, target)
        return target
    uri = _uri(named, config)
    if place.is_file() and files.get_file_from_path(uri) is not None:
        return posixpath.relpath(uri, posixpath.dirname(_uri(own, config)) or ".") + mark + anchor
    repository = config.extra.get("repository")
    if not repository:
        return None
    return f"{repository.rstrip('/')}/{'tree' if place.is_dir() else 'blob'}/main/{named}{mark}{anchor}"


def _outside(root: Path) -> Iterator[str]:
    for pattern in _PAGES:
        for path in root.glob(pattern):
            inner = path.relative_to(root)
            if path.suffix in _SUFFIXES and not any(part.startswith(".") for part in inner.parts):
                yield inner.as_posix()


def _root(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent


def _uri(path: str, config: MkDocsConfig) -> str:
    """The site's name of a file of the repository: README.md is the home page, and docs/ the site's own folder."""
    return "index.md" if path == _HOME else path.removeprefix(f"{Path(config.docs_dir).name}/")


def _source(file: File, config: MkDocsConfig) -> str | None:
    """The file of the repository that the page is made from; None of a page that is made from code."""
    if file.abs_src_path is None:
        return None
    return Path(os.path.relpath(file.abs_src_path, _root(config))).as_posix()
