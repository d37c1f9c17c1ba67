/**
 * What readers of all formats share: {@linkplain dev.serval.storage.checkpoint.MappedFolder mapped
 * files}, the {@linkplain dev.serval.storage.checkpoint.ArtefactHash digest} over them, and the
 * {@linkplain dev.serval.storage.checkpoint.MappedCheckpoint checkpoint} they become.
 */
package dev.serval.storage.checkpoint;
