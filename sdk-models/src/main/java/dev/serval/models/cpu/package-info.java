/**
 * The processor as a compute backend: a {@link dev.serval.models.cpu.CpuBackend} checks what it is
 * given, a {@link dev.serval.models.cpu.crew.WorkCrew} spreads an operation over the cores, and a
 * {@link dev.serval.models.cpu.tier.KernelTier} computes it. Each kind of operation has a package
 * of its own, with the interface of its kernels: {@code linear}, {@code row}, {@code activation},
 * {@code attention}, {@code expert} and {@code recurrent}; each tier has one as well: {@code
 * plain}, {@code vector} and {@code generated}.
 */
package dev.serval.models.cpu;
