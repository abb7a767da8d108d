"""Compiles the hot modules into the wheel where MINIDB_COMPILE=1 asks for it.

Why: docs/decisions/compiled-modules.md. `pip install .` without it needs no compiler, and runs the same
source as Python.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledModules(BuildHookInterface):  # type: ignore[type-arg]
    """Which modules: `compiled` in pyproject.toml, without `interpreted`."""

    def dependencies(self) -> list[str]:
        """What the build needs: the compiler, and what the modules import, for their types."""
        return ["mypy>=1.11", "setuptools", *self.metadata.core.dependencies] if _asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel include the results beside the sources."""
        if not _asked():
            return
        if version == "editable":
            raise SystemExit("MINIDB_COMPILE=1 is for `pip install .`: an editable one runs the sources.")
        from mypyc.build import mypycify
        from setuptools import Distribution

        self._built = TemporaryDirectory(prefix="minidb-")  # until the wheel has what is in it
        root, target = Path(self.root), self._built.name
        found = {file for pattern in self.config["compiled"] for file in root.glob(pattern)}
        found -= {file for pattern in self.config["interpreted"] for file in root.glob(pattern)}
        os.chdir(root)  # mypy finds its settings there
        modules = sorted(str(file.relative_to(root)) for file in found)
        extensions = mypycify(modules, opt_level="2", debug_level="0", target_dir=target, multi_file=True)
        build = Distribution({"name": "minidb", "ext_modules": extensions}).get_command_obj("build_ext")
        build.build_lib, build.build_temp = f"{target}/lib", f"{target}/temp"
        build.ensure_finalized()
        build.run()
        for output in build.get_outputs():
            build_data["force_include"][output] = os.path.relpath(output, build.build_lib)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is made."""
        if _asked():
            self._built.cleanup()


def _asked() -> bool:
    return os.environ.get("MINIDB_COMPILE") == "1"
