/**
 * Tensors that a folder stores in pieces or in a type of its own, as a model has them: in 8 or 4
 * bits with scales (FP8, GPTQ, AWQ, compressed-tensors, MXFP4), or all experts of a layer in one.
 * {@link dev.serval.storage.safetensors.packed.Packing} says which are, and each kind is an {@link
 * dev.serval.storage.safetensors.packed.Unpacking}.
 */
package dev.serval.storage.safetensors.packed;
