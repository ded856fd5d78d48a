"""What runs in the limited process to make a preview: pictures are drawn anew, documents become rows and text."""
