"""Write all Python that comes from the .proto files: messages, services and their type stubs.

    python protos/generate.py            write it
    python protos/generate.py --check    write nothing; fail when what is there differs

The compiler is pinned and lives in an environment of its own, in the user's cache. Its version decides the
oldest protobuf and grpcio that can load what it writes (5.29 and 1.71.2 here), so it must be neither what the
developer happens to have installed nor held back by it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
COMPILER = ("grpcio-tools==1.71.2", "mypy-protobuf==3.6.0", "setuptools<81")
PACKAGES = {
    "globalheat/v1": "global_heat/proto/v1",
    "etcd": "global_heat/store/etcd/wire",
}
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def compiler() -> Path:
    """The directory of the pinned compiler's programs, installed on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "global-heat"
    pins = "-".join(pin.partition("==")[2] for pin in COMPILER[:2])
    home = cache / f"protoc-{pins}-py{sys.version_info.major}.{sys.version_info.minor}"
    ready = home / "ready"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *COMPILER]
        subprocess.run(command, check=True)
        ready.touch()
    return home / "bin"


def generate(output: Path) -> None:
    """Compile every package below `output`, laid out as in the source tree."""
    programs = compiler()
    compiled = output / "compiled"
    for source, target in PACKAGES.items():
        protos = sorted((PROTOS / source).glob("*.proto"))
        services = [path for path in protos if re.search(r"^service ", path.read_text(), re.MULTILINE)]
        compile_protos(programs, compiled, protos, ("python", "mypy"))
        compile_protos(programs, compiled, services, ("grpc_python", "mypy_grpc"))
        (output / target).mkdir(parents=True)
        for path in generated(compiled / source):
            (output / target / path.name).write_text(relocated(path.read_text()))


def compile_protos(programs: Path, output: Path, protos: list[Path], plugins: tuple[str, ...]) -> None:
    if not protos:
        return
    output.mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    outputs = [f"--{plugin}_out={'quiet:' if 'mypy' in plugin else ''}{output}" for plugin in plugins]
    command = [str(programs / "python"), "-m", "grpc_tools.protoc", f"--proto_path={PROTOS}", *outputs]
    command += [str(path) for path in protos]
    subprocess.run(command, check=True, env=environment)


def relocated(text: str) -> str:
    """Name modules by where they stand in the tree; protoc names them by where the .proto stands."""
    for source, target in PACKAGES.items():
        old, new = source.replace("/", "."), target.replace("/", ".")
        text = text.replace(f"from {old} import ", f"from {new} import ")
        text = re.sub(rf"(?<![\w.'/]){re.escape(old)}\.(\w+_pb2)\b", rf"{new}.\1", text)
    return text


def generated(directory: Path) -> list[Path]:
    return sorted(path for pattern in GENERATED for path in directory.glob(pattern))


def differing(output: Path) -> list[str]:
    """The generated files that are missing, left over or unlike `output`."""
    names = []
    for target in PACKAGES.values():
        fresh = {path.name: path.read_bytes() for path in generated(output / target)}
        kept = {path.name: path.read_bytes() for path in generated(ROOT / target)}
        names += [f"{target}/{n}" for n in sorted(fresh | kept) if fresh.get(n) != kept.get(n)]
    return names


def install(output: Path) -> None:
    for target in PACKAGES.values():
        (ROOT / target).mkdir(parents=True, exist_ok=True)
        for path in generated(ROOT / target):
            path.unlink()
        for path in generated(output / target):
            shutil.copyfile(path, ROOT / target / path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write all Python that comes from the .proto files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when out of date")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory)
        generate(output)
        names = differing(output)
        if not arguments.check:
            install(output)
    for name in names:
        print(f"{'out of date' if arguments.check else 'written'}: {name}")
    if arguments.check and names:
        print("Run: python protos/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
