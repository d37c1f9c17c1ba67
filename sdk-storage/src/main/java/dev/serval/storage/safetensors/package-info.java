/**
 * The safetensors format, from the outside in: a {@linkplain
 * dev.serval.storage.safetensors.SafetensorsFolder folder} has one or several {@linkplain
 * dev.serval.storage.safetensors.format.SafetensorsFile files}, in the latter case found through a
 * {@linkplain dev.serval.storage.safetensors.ShardIndex shard index}; a file begins with a header.
 * What is {@linkplain dev.serval.storage.safetensors.packed.Packing packed} is unpacked.
 */
package dev.serval.storage.safetensors;
