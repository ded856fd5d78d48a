"""What runs in the limited process: readers of archives, PDFs, images and e-mail, and the search for personal data.

Nothing here may be called by the portal itself; it goes through evidence.limited. Only the standard library, pikepdf,
Pillow, pypdfium2 and defusedxml are imported, and none of them is given a path.
"""
