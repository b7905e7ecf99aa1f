"""The site (``make docs``). Its source folder is the checkout: a README is a page where it lies."""

from __future__ import annotations

import pydoc

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from mmlt.version import __version__

project = 'mmlt'
release = version = __version__
copyright = 'the authors of mmlt, Apache 2.0'

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
root_doc = 'docs/index'
include_patterns = [
    'docs/**.md',
    'configs/*/README.md',
    'benchmarks/*.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
]
exclude_patterns = ['docs/_build', '.*', 'data', 'work_dirs', 'build', 'mmlt', 'tests', 'tools']

myst_enable_extensions = ['deflist']
myst_heading_anchors = 4

default_role = 'code'  # `seed` in a docstring
add_module_names = False
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True
napoleon_custom_sections = ['Reference', 'Differs from reference']
napoleon_use_rtype = False  # before a colon under "Returns" stands a shape, mostly
nitpick_ignore_regex = [('py:.*', r'(np|nn)\..*')]

html_math_renderer = 'mathml'  # by the browser: no script from elsewhere
html_theme = 'furo'
html_title = f'mmlt {release}'
html_static_path = ['_static']
html_css_files = ['wide.css']
html_extra_path = ['_static/index.html']


def resolve_name(app, env, node, contnode):
    """Link a short name to the one place that has it; print a name without a page as it is.

    A name that nothing has stays a warning.
    """
    if node.get('refdomain') != 'py':
        return None
    node['refspecific'] = True
    found = env.domains['py'].resolve_xref(
        env, node['refdoc'], app.builder, node['reftype'], node['reftarget'], node, contnode
    )
    names = node['reftarget'], f'{node.get("py:module")}.{node["reftarget"]}'
    return found or (contnode if any(map(pydoc.locate, names)) else None)


def write_formula(translator, node):
    display = 'inline' if node.tagname == 'math' else 'block'
    latex = node.astext().replace(r'\setminus', r'\smallsetminus')  # which more fonts have
    translator.body.append(convert(latex, display=display))
    raise SkipNode


def setup(app):
    app.add_html_math_renderer('mathml', (write_formula, None), (write_formula, None))
    app.connect('missing-reference', resolve_name)
