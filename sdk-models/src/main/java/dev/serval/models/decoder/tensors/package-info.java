/** Which tensors a decoder-only transformer needs of a checkpoint, and whether it has them. */
package dev.serval.models.decoder.tensors;
