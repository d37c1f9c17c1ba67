/**
 * The safetensors format, from the outside in: a {@linkplain
 * dev.serval.storage.safetensors.SafetensorsFolder folder} has one or several {@linkplain
 * dev.serval.storage.safetensors.SafetensorsFile files}, in the latter case found through a
 * {@linkplain dev.serval.storage.safetensors.ShardIndex shard index}; a file begins with a
 * {@linkplain dev.serval.storage.safetensors.HeaderParser header}.
 */
package dev.serval.storage.safetensors;
