package dev.serval.benchmarks;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** The processor's backend, and random operands for it. */
final class KernelBench implements AutoCloseable {
  private static final long RANDOM_BITS = 0x2C2C_2C2C_2C2C_2C2CL;
  private static final long NORMAL_BITS = 0x2020_2020_2020_2020L;

  private final SplittableRandom random = new SplittableRandom(1);
  private final NativeMemory memory = NativeMemory.root("benchmark", Bytes.gibi(4));
  private final ComputeBackend backend;

  /** With all cores. */
  KernelBench(String kernels) {
    this(kernels, Runtime.getRuntime().availableProcessors());
  }

  KernelBench(String kernels, int threads) {
    Device cpu = new Device("cpu:0", DeviceKind.CPU, "benchmark", Bytes.gibi(4), new TreeMap<>());
    backend =
        ServiceLoader.load(ComputeBackendProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.supports(cpu))
            .findFirst()
            .orElseThrow()
            .open(
                cpu,
                ComputeOptions.of(threads).withKernels(KernelPreference.parse(kernels)),
                memory);
  }

  ComputeBackend backend() {
    return backend;
  }

  /** A matrix of random bits whose scales and elements are normal numbers. */
  Weight weight(DType dtype, int rows, int columns) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(dtype.bytes((long) rows * columns), Long.BYTES);
      for (long at = 0; at + Long.BYTES <= data.byteSize(); at += Long.BYTES) {
        data.set(ValueLayout.JAVA_LONG, at, (random.nextLong() & RANDOM_BITS) | NORMAL_BITS);
      }
      List<Long> shape = List.of((long) rows, (long) columns);
      return backend.load(List.of(new StoredTensor("weight", dtype, shape, data)));
    }
  }

  /** Random rows, which take their way by an embedding. */
  Activations rows(int rows, int columns) {
    MemorySegment table = MemorySegment.ofArray(new byte[rows * columns * Float.BYTES]);
    for (int i = 0; i < rows * columns; i++) {
      table.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, (float) random.nextGaussian());
    }
    Weight weight =
        backend.load(
            List.of(
                new StoredTensor("rows", DType.F32, List.of((long) rows, (long) columns), table)));
    StepBatch batch = new StepBatch(rows, 1);
    int[] tokens = new int[rows];
    Arrays.setAll(tokens, i -> i);
    batch.add(tokens, 0, rows, BlockTable.EMPTY, false);
    Activations activations = backend.activations(rows, columns);
    backend.embed(batch, weight, activations);
    return activations;
  }

  @Override
  public void close() {
    backend.close();
    memory.close();
  }
}
