"""The standalone verifier: holds files of the ledger against signed checkpoints, without the application.

Standard library and `cryptography` only, beside the ledger's own pure modules (canonical, chain, merkle); nothing here
imports Django. Made to be read by somebody who does not trust the care home, and to be handed hostile files.
"""
