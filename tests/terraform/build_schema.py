"""Make `aws_schema.json` anew: what the hashicorp/aws provider takes, for the resource types that the module uses.

    pip download --no-deps cdktn-provider-aws==25.8.1
    python tests/terraform/build_schema.py cdktn_provider_aws-25.8.1-py3-none-any.whl

The package (PyPI, MPL-2.0) carries bindings that were generated from the provider's own schema; only the facts of the
schema are read out of it: names, types, what is required, how blocks are nested. An attribute is `[required, type]`, a
block `[required, {"nest": .., "max": .., "block": {..}}]`, `__computed__` lists what AWS alone decides.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODULE = HERE.parents[1] / "deploy_templates" / "terraform"
OUT = HERE / "aws_schema.json"

# Terraform's own, in the bindings of every resource.
_META = {"connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"}


class Bindings:
    """The wheel's jsii assembly: types as JSON, and the JavaScript that says which of them are blocks."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
            # Unpacked once: seeking in a compressed tar would unpack it for every file.
            unpacked = io.BytesIO(gzip.decompress(archive.read(name)))
        # Kept open: the JavaScript of each resource is read when it is asked for.
        self._tar = tarfile.open(fileobj=unpacked)  # noqa: SIM115
        assembly = json.loads(self._text("package/.jsii"))
        self._types: dict[str, Any] = assembly["types"]
        self._package: str = assembly["name"]
        self._classes = {
            found.group(1): name
            for name, kind in self._types.items()
            if kind["kind"] == "class" and kind.get("base", "").endswith(".TerraformResource")
            if (found := re.search(r"(aws_\w+)\}", json.dumps(kind.get("docs", {}))))
        }

    def version(self, resource: str) -> str:
        """Return the provider's version that the bindings were made from."""
        found = re.search(r"providerVersion: '([\d.]+)'", self._javascript(resource))
        assert found
        return found.group(1)

    def resource(self, name: str) -> dict[str, Any]:
        """Return the schema of one resource type."""
        kind = self._types[self._classes[name]]
        config = next(p for p in kind["initializer"]["parameters"] if p["name"] == "config")
        block = self._block(_reference(config["type"]) or "", _blocks(self._javascript(name)), ())
        read = {
            _snake(p["name"])
            for p in kind.get("properties", [])
            if p.get("immutable") and not p.get("static") and not p["name"].endswith("Input")
        }
        return {**block, "__computed__": sorted(read - set(block))}

    def _block(self, name: str, blocks: dict[str, tuple[str, str]], outer: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in self._types[name].get("properties", []):
            if one["name"] in _META and not outer:
                continue
            attribute, required = _terraform_name(one), not one.get("optional", False)
            nested = _reference(one["type"])
            collection, element = blocks.get(attribute, ("", ""))
            if nested and nested.startswith(self._package) and nested not in outer:
                nest = {"struct": "single", "set": "set"}.get(collection, "list")
                most = 0 if _is_many(one["type"]) or nest == "single" else 1
                inner = self._block(nested, blocks, (*outer, name))
                found[attribute] = [required, {"nest": nest, "max": most, "block": inner}]
            elif collection in ("list", "set", "map"):
                kind = re.match("string|number|boolean", element)
                found[attribute] = [required, [collection, _primitive(kind.group(0) if kind else "string")]]
            else:
                found[attribute] = [required, _primitive(_plain(one["type"]) or "string")]
        return found

    def _javascript(self, resource: str) -> str:
        return self._text(f"package/lib/{resource.removeprefix('aws_').replace('_', '-')}/index.js")

    def _text(self, name: str) -> str:
        file = self._tar.extractfile(name)
        assert file is not None
        return file.read().decode()


def _blocks(javascript: str) -> dict[str, tuple[str, str]]:
    """Return each attribute's (list, set, map, struct or simple, class of its elements)."""
    lines = [line.strip() for line in javascript.split("\n")]
    found: dict[str, tuple[str, str]] = {}
    for at, line in enumerate(lines):
        if line.startswith("isBlock: ") and lines[at - 2].endswith(": {"):
            values = (lines[at + 1].split('"')[1], lines[at + 2].split('"')[1])
            found.setdefault(lines[at - 2].removesuffix(": {"), values)
    return found


def _reference(kind: dict[str, Any]) -> str | None:
    if "fqn" in kind:
        return str(kind["fqn"])
    if "collection" in kind:
        return _reference(kind["collection"]["elementtype"])
    found = [_reference(one) for one in kind.get("union", {}).get("types", [])]
    return next((name for name in found if name and not name.endswith(".IResolvable")), None)


def _is_many(kind: dict[str, Any]) -> bool:
    return "collection" in kind or any(_is_many(one) for one in kind.get("union", {}).get("types", []))


def _plain(kind: dict[str, Any]) -> str | None:
    if "primitive" in kind:
        return str(kind["primitive"])
    return next(filter(None, (_plain(one) for one in kind.get("union", {}).get("types", []))), None)


def _primitive(name: str) -> str:
    return {"boolean": "bool", "any": "string"}.get(name, name)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _terraform_name(one: dict[str, Any]) -> str:
    found = re.search(r"docs/resources/\w+#(\w+)", json.dumps(one.get("docs", {})))
    return found.group(1) if found else _snake(one["name"])


def used_types() -> list[str]:
    """Return the resource types that the module has."""
    texts = [path.read_text(encoding="utf-8") for path in MODULE.glob("*.tf")]
    return sorted({found for text in texts for found in re.findall(r'^resource "(\w+)"', text, re.MULTILINE)})


def main(wheel: Path) -> None:
    """Write the schema, one resource type a line."""
    bindings, types = Bindings(wheel), used_types()
    head = {
        "licence": "MPL-2.0, as the package that it was read out of; see build_schema.py",
        "provider": "hashicorp/aws",
        "source": wheel.name,
        "version": bindings.version(types[0]),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    resources = [
        f"  {json.dumps(name)}: {json.dumps(bindings.resource(name), sort_keys=True, separators=(',', ':'))}"
        for name in types
    ]
    OUT.write_text(
        "{\n" + "".join(lines) + ' "resources": {\n' + ",\n".join(resources) + "\n }\n}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
