"""The session as plain data: schema, requests (= recipes), storage, migrations.  No Qt, no torch."""
