package dev.serval.gpu.check;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.compute.GpuModel;
import dev.serval.testkit.ThreadMeter;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;

/**
 * What it took to load a model, from when its backend was open until all weights were laid out.
 *
 * @param model what was loaded
 * @param bytes of its weights
 * @param opening how long the backend took to open before, in nanoseconds: the device's context,
 *     the kernels, and what else this JVM did for the first time
 * @param nanos how long
 * @param processorNanos of all threads of this process, in it and in the system's calls
 * @param heapBytes what all threads allocated on the Java heap
 */
record Load(
    GpuModel model, long bytes, long opening, long nanos, long processorNanos, long heapBytes) {

  /** Loads a model. */
  static Load of(
      Checkpoint checkpoint,
      ComputeBackendProvider provider,
      Device device,
      SteppedModel.Setup setup) {
    Watched watched = new Watched(provider);
    long begin = System.nanoTime();
    GpuModel model = new GpuModel(checkpoint, watched, device, setup);
    return new Load(
        model,
        model.executor().spec().weights().count(),
        watched.opened - begin,
        System.nanoTime() - watched.opened,
        watched.meter.processNanos() - watched.processorNanos,
        watched.meter.allAllocatedBytes() - watched.heapBytes);
  }

  /** Notes what there was when a backend had been opened. */
  private static final class Watched implements ComputeBackendProvider {
    private final ComputeBackendProvider provider;
    private final ThreadMeter meter = new ThreadMeter();
    private long opened;
    private long processorNanos;
    private long heapBytes;

    Watched(ComputeBackendProvider provider) {
      this.provider = provider;
    }

    @Override
    public String name() {
      return provider.name();
    }

    @Override
    public boolean supports(Device device) {
      return provider.supports(device);
    }

    @Override
    public Bytes footprint(
        Device device, ComputeOptions options, List<List<StoredTensor>> weights) {
      return provider.footprint(device, options, weights);
    }

    @Override
    public ComputeBackend open(Device device, ComputeOptions options, NativeMemory memory) {
      ComputeBackend backend = provider.open(device, options, memory);
      heapBytes = meter.allAllocatedBytes();
      processorNanos = meter.processNanos();
      opened = System.nanoTime();
      return backend;
    }
  }

  double gigabytesPerSecond() {
    return (double) bytes / nanos;
  }

  /** The lines of the table. */
  void tell(Table table) {
    table.line(
        "backend", "", "%s, open after %.1f s", model.backend().description(), opening / 1e9);
    table.line(
        "load",
        "< 0.15 CPU-s, 0 bytes",
        "%.1f GB in %.2f s, %.2f GB/s; %.3f CPU-s a GB (all of this process), %.6f heap bytes a byte",
        bytes / 1e9,
        nanos / 1e9,
        gigabytesPerSecond(),
        (double) processorNanos / bytes,
        (double) heapBytes / bytes);
    for (TransferReport report : model.weightReports()) {
      table.line("load", "", "%s of the threads that read", report);
    }
  }
}
