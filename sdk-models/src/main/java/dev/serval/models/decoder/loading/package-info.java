/** The way of tensors from a checkpoint to weights on a backend. */
package dev.serval.models.decoder.loading;
