"""The numbers of the papers: they stand once, as the Results of ``configs/PAPER/metafile.yml``."""

from __future__ import annotations

import functools

import yaml

from mmlt.experiments.commands import ROOT


@functools.lru_cache
def read_paper_results(paper: str) -> dict[tuple[str, str], dict[str, float]]:
    """What a paper has printed.

    Args:
        paper: A folder in ``configs``.

    Returns:
        (model, data set) -> measure -> number, as printed.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: A measure of a model on a data set stands there twice.
    """
    path = ROOT / 'configs' / paper / 'metafile.yml'
    found: dict[tuple[str, str], dict[str, float]] = {}
    for model in yaml.safe_load(path.read_text(encoding='utf-8'))['Models']:
        for result in model.get('Results', []):
            numbers = found.setdefault((model['Name'], result['Dataset']), {})
            twice = numbers.keys() & result['Metrics'].keys()
            if twice:
                raise ValueError(f'{path}: {model["Name"]}, {result["Dataset"]}: {twice} twice')
            numbers.update(result['Metrics'])
    return found
