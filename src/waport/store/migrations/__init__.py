"""The steps from one schema to the next; `backend.py` runs them when a database is opened."""
