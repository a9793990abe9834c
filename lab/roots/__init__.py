"""Real root file systems of apt, dnf and zypper hosts, with local repositories: built once, then cloned."""
