/**
 * The processor as a compute backend: a {@link dev.serval.models.cpu.CpuBackend} checks what it is
 * given, a {@link dev.serval.models.cpu.WorkCrew} spreads an operation over the cores, and a {@link
 * dev.serval.models.cpu.KernelTier} computes it.
 */
package dev.serval.models.cpu;
