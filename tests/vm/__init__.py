"""A whole machine in QEMU, from the package to the customer; started by scripts/vm-test."""
