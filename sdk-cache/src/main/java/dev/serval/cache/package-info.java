/** The paged KV cache: a pool of blocks, and the index that finds a prefix in it again. */
package dev.serval.cache;
