# SPDX-License-Identifier: AGPL-3.0-only
"""How the whole of Plumbline is put on a chain, written once: `ape run deploy`, the demo and the tests all come here.

`cast` says who and what; `chain` sends and remembers; `steps` is the order of things; `record` is what is kept.
One backend is enough: plain web3, which Ape's provider hands over too (docs/adr/0003).
"""
