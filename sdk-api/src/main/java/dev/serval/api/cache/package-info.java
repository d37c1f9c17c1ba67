/**
 * The paged KV cache: how a block is laid out and named, and the {@link
 * dev.serval.api.cache.KvCache} that hands blocks to sequences and finds them again.
 */
package dev.serval.api.cache;
