"""The API's doors: the same session, lock, policies and ledger as the pages."""
