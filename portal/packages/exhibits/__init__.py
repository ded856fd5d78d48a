"""The volume of exhibits: every exhibit as a reading copy, stamped, or a slip sheet that says why there is none.

An original is only read here, never changed: it stays what it was among the package's attachments. A volume makes no
claim of PDF/A, since pages of strangers would break it; the report keeps its own.
"""
