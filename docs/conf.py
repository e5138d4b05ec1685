"""How the documentation site is built: `make docs`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
os.environ["HF_HUB_OFFLINE"] = "1"  # the gallery runs on the weights of the offline extra
sys.path.insert(0, str(ROOT / "examples"))  # own_data, which the examples import

import sksetfit  # noqa: E402

project = "sksetfit"
author = "the sksetfit developers"
copyright = f"2026, {author}"
version = release = sksetfit.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "**/*.ipynb", "sg_execution_times.rst", "**/sg_execution_times.rst"]
templates_path = ["_templates"]

# Pages are Markdown that is readable on a code-hosting site as well.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"  # a name in backticks is a link where it is one of ours
autosummary_generate = True
python_maximum_signature_line_length = 60  # a line for each parameter of a long one
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's sections have them, with shapes
numpydoc_show_class_members = False  # the template lists them
numpydoc_validation_checks = {"all", "EX01", "SA01", "SA04", "ES01", "GL08", "RT02"}  # all but these
numpydoc_validation_exclude = {r"\.get_n_splits$"}  # scikit-learn's own words

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(own_data|__init__)\.py",
    "subsection_order": ["../examples/ticket_project", "../examples/service"],
    "within_subsection_order": "NumberOfCodeLinesSortKey",  # the simplest first
    "doc_module": ("sksetfit",),
    "backreferences_dir": "api/examples",
    "reference_url": {"sksetfit": None},
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "matplotlib_animations": False,
    "plot_gallery": os.environ.get("SKSETFIT_DOCS") != "without gallery",  # which takes minutes
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sksetfit"
html_static_path = ["_static"]
html_css_files = ["sksetfit.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}


def without_foreign_links(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Leave the words of links that methods inherited from scikit-learn have into its own pages."""
    lines[:] = [re.sub(r":(?:ref|term):`([^<`]*?) ?(<[^>]*>)?`", r"\1", line) for line in lines]


def with_links_to_the_gallery(app: Any, name: str, source: list[str]) -> None:
    """Lead from an example to its page, where a code-hosting site leads to the script."""
    script = r"\]\(\.\./examples/(?!benchmarks/|own_data)([\w/]+)\.py\)"
    source[0] = re.sub(script, r"](auto_examples/\1.rst)", source[0])


def setup(app: Any) -> None:
    """Connect to Sphinx; before numpydoc, which makes sections of the lines."""
    app.connect("autodoc-process-docstring", without_foreign_links, priority=400)
    app.connect("source-read", with_links_to_the_gallery)
