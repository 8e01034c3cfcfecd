// Room made; its first file replaces this one.
