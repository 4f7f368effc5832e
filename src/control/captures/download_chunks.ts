/** A client may stop reading for long: so much is kept for it, a few times over. */
export const download_chunk_bytes: number = 64 << 10;
