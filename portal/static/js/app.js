// Placeholder of the next slice.
