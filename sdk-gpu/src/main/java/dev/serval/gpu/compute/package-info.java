/**
 * The compute backend for NVIDIA GPUs: what a model's forward pass is made of, as launches of the
 * project's own kernels.
 */
package dev.serval.gpu.compute;
