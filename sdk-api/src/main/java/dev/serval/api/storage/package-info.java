/**
 * Where models come from: a {@link dev.serval.api.storage.CheckpointReader} opens a {@link
 * dev.serval.api.storage.Checkpoint} of one format.
 */
package dev.serval.api.storage;
