/**
 * Kernels of the Vector API. Only {@link dev.serval.models.cpu.vector.VectorTierSource} can be
 * loaded where the module {@code jdk.incubator.vector} is missing.
 */
package dev.serval.models.cpu.vector;
