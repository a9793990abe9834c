"""Hosts with several kernels in /boot, and the menus by which they start one of them."""

from __future__ import annotations

import subprocess
from typing import Any

from lab.shims import template

MACHINE = "5f3e9c1a7b2d4e6f8a0b1c2d3e4f5a6b"
# what runs, its update, and a newer one that somebody put beside them
KERNELS = {
    "debian12": ("6.1.0-40-cloud-amd64", "6.1.0-41-cloud-amd64", "6.12.43-cloud-amd64"),
    "amzn2023": ("6.1.109-118.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023.x86_64", "6.12.20-23.97.amzn2023.x86_64"),
    "sles15": ("6.4.0-150600.23.17-default", "6.4.0-150600.23.22-default", "6.4.0-150700.53.3-default"),
}  # fmt: skip


def put_beside(
    host: Any, os: str, settings: str = "", environment: str = "", package: str = "kernel6.12"
) -> str:
    """Install the newest kernel, as its package does: its menu is made anew by the host's own settings."""
    kernel = KERNELS[os][2]
    (host.root / f"boot/vmlinuz-{kernel}").touch()
    (host.root / "etc/default").mkdir(exist_ok=True)
    (host.root / "etc/default/grub").write_text(settings)
    make_menu(host, kernel, package)
    if environment:
        grubenv(host).write_text(f"# GRUB Environment Block\n{environment}\n{'#' * 900}")
    return kernel


def make_menu(host: Any, *kernel_and_package: str) -> None:
    family = host.state("family").strip()
    subprocess.run([template.BOOT_MENU, host.root, family, *kernel_and_package], check=True)


def grubenv(host: Any) -> Any:
    return next(host.root.glob("boot/grub*/grubenv"))
