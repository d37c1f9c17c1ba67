package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTier;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** Kernels of the Vector API by themselves, rows for them, and random numbers. */
@SuppressWarnings("NullAway.Init") // opened before each test
abstract class VectorCase {
  static final long SEED = 20261127;

  final Random random = new Random(SEED);
  final NativeMemory memory = NativeMemory.root("test", Bytes.mebi(16));
  KernelTier vectors;
  private ComputeBackend backend;

  @BeforeAll
  static void where_there_are_vectors() {
    assumeThat(Tiers.here()).contains(KernelKind.VECTOR);
  }

  @BeforeEach
  final void open() {
    backend = new CpuBackendProvider().open(Tiers.CPU, ComputeOptions.of(1), memory);
    vectors = new VectorTierSource(Processor.here()).open(1);
  }

  @AfterEach
  final void close() {
    backend.close();
    memory.close();
  }

  final CpuActivations room(int columns) {
    return (CpuActivations) backend.activations(1, columns);
  }
}
