"""Backups of an installation, and their proof by restoring; it keeps no key beside what the key opens.

A folder holds any number of sets and the stored files that they share:

    sets/<moment>/manifest.json     every file of the set with its SHA-256, rows by table, heads of the histories
    sets/<moment>/database/*.gz     the rows of one snapshot, a file for each table, as PostgreSQL's COPY writes them
    sets/<moment>/files.jsonl.gz    every stored file that the rows name, with the SHA-256 of its sealed bytes
    sets/<moment>/signer/*.json     what the signer remembered just before the snapshot
    sets/<moment>/public/*.pub      the keys that verify
    sets/<moment>/COMPLETE          written last: a set without it is none
    files/<location>                sealed bytes; they never change, so a later set only adds to them

The order is SECURITY.md section 5: the signer's memory, then the database, then files. A file that came after the
snapshot is in nobody's way, and a tree that has grown past the remembered head continues it.
"""

FORMAT = 1
