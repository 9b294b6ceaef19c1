"""Any file that HR systems and Excel write, read as a stream: pieces of bytes in, records out."""
