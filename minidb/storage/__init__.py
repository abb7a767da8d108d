"""Ordered, versioned, durable bytes: commit log, memtable and LMDB checkpoint behind one `Store`."""
