"""Bills of materials in CycloneDX's format; that of an image has its Python distributions and its Debian packages."""

import json
from collections.abc import Iterable

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from ops.errors import OperatorError
from ops.images import docker
from ops.images.build import Image

# Runs in the image, by its own Python: nothing else knows what is installed there.
_LIST = """
import json, platform, subprocess
from importlib.metadata import distributions
asked = ["dpkg-query", "--show", "--showformat", "${Package}\\t${Version}\\t${Architecture}\\n"]
debian = [line.split("\\t") for line in subprocess.check_output(asked, text=True).splitlines()]
python = [[one.metadata["Name"], one.version] for one in distributions()]
print(json.dumps({"debian": debian, "pypi": python, "release": platform.freedesktop_os_release()["VERSION_CODENAME"]}))
"""


def bill(image: Image) -> str:
    """The bill of `image` as JSON of CycloneDX 1.6. Raises OperatorError when the image cannot be looked into."""
    listed = json.loads(
        docker.run(
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "/opt/closecast/bin/python",
            image.reference,
            "-c",
            _LIST,
        )
    )
    packages = [PackageURL("pypi", None, name.lower(), number) for name, number in listed["pypi"]]
    for name, number, architecture in listed["debian"]:
        qualifiers = {"arch": architecture, "distro": listed["release"]}
        packages.append(PackageURL("deb", "debian", name, number, qualifiers))
    return written(f"closecast-{image.name}", image.version, ComponentType.CONTAINER, packages)


def written(name: str, version: str, kind: ComponentType, packages: Iterable[PackageURL]) -> str:
    """The bill of what is called `name`, which consists of `packages`, as JSON of CycloneDX 1.6.

    Raises OperatorError when it is not valid.
    """
    bom = Bom()
    root = bom.metadata.component = Component(name=name, version=version, type=kind, bom_ref=name)
    for package in packages:
        bom.components.add(_component(package))
    bom.register_dependency(root, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise OperatorError(f"the bill of {name} is not valid: {problem}", "report it")
    return text


def _component(package: PackageURL) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        purl=package,
        type=ComponentType.LIBRARY,
        bom_ref=package.to_string(),
    )
