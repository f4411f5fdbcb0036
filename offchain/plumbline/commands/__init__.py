# SPDX-License-Identifier: AGPL-3.0-only
"""The command groups of `plumbline`: the composition root, the only place where real adapters meet services.

One file per group, named after it, holding `app`. `cli` imports every one of them for each call of the program, so
at the top a group imports typer, the standard library and types only; web3 and the services are imported inside the
command that runs them. That keeps `plumbline --help` quick.
"""
