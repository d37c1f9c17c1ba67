package dev.serval.gpu.transfer;

import dev.serval.api.Bytes;
import dev.serval.api.compute.DType;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.driver.Stream;
import dev.serval.gpu.file.CuFileSearch;
import dev.serval.testkit.ThreadMeter;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;

/**
 * How fast bytes go between a drive, pinned memory and a device, beside what card and drive give by
 * themselves, what that takes of the processors and the heap, and how much steps of a decode notice
 * of blocks that are swapped meanwhile.
 *
 * <p>Run by {@code java --enable-native-access=ALL-UNNAMED -cp JARS
 * dev.serval.gpu.transfer.DataPathBenchmark FOLDER [GIBIBYTES]}: the folder is on the drive to be
 * measured and has room for a file of that size, 4 GiB if not given. Takes well under a minute on a
 * drive of 1 GB/s. What it calls a step is 2 GiB of device memory written by the device, as bound
 * by its memory as a decode, between a small copy to the device and one back.
 */
public final class DataPathBenchmark {
  private static final TransferOptions OPTIONS = TransferOptions.DEFAULTS;
  private static final long PIECE = OPTIONS.slab().count();

  /** How much of everything. */
  record Sizes(long file, long copy, int copies, long block, int blocks, long step, int steps) {
    static Sizes of(long fileBytes) {
      return new Sizes(fileBytes, 64L << 20, 16, 2L << 20, 64, 2L << 30, 300);
    }
  }

  private final PrintStream out;
  private final Sizes sizes;
  private final CudaDriver driver;
  private final ThreadMeter meter = new ThreadMeter();

  DataPathBenchmark(CudaDriver driver, Sizes sizes, PrintStream out) {
    this.driver = driver;
    this.sizes = sizes;
    this.out = out;
  }

  /**
   * Measures on the first device.
   *
   * @param arguments a folder, and how many gibibytes
   * @throws Exception when something cannot be measured
   */
  public static void main(String[] arguments) throws Exception {
    long gibi = arguments.length > 1 ? Long.parseLong(arguments[1]) : 4;
    switch (DriverSearch.system()) {
      case DriverSearch.Found found ->
          new DataPathBenchmark(found.driver(), Sizes.of(gibi << 30), System.out)
              .run(Path.of(arguments[0]));
      case DriverSearch.Absent absent -> System.out.println(absent);
    }
  }

  void run(Path folder) throws Exception {
    Bytes device = Bytes.of(sizes.copies * sizes.copy + sizes.step + (1L << 30));
    Bytes pinned = Bytes.of(sizes.copies * sizes.copy + OPTIONS.pinned().count() + (256L << 20));
    DataPath.Limits limits = new DataPath.Limits(device, pinned);
    Path file = folder.resolve("data-path-benchmark.bin");
    try (Context context = driver.devices().getFirst().context();
        DataPath path =
            DataPath.open(
                "gpu:0",
                context.device(),
                limits,
                driver.copiesInBatches(),
                OPTIONS,
                CuFileSearch.system(Path.of("/")))) {
      context.attach();
      path.describe().forEach(line -> say("%s", line));
      copies(context, path);
      write(file);
      files(context, path, file);
      swaps(context, path);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private void say(String line, Object... values) {
    out.println(String.format(Locale.ROOT, line, values));
  }

  private static double rate(long bytes, long nanos) {
    return (double) bytes / nanos;
  }

  // ---- copies between pinned and device memory

  private void copies(Context context, DataPath path) throws InterruptedException {
    try (Region host = path.pinnedMemory().allocate(sizes.copies * sizes.copy);
        Region onDevice = path.deviceMemory().allocate(sizes.copies * sizes.copy);
        Stream stream = context.stream()) {
      for (boolean in : new boolean[] {true, false}) {
        double peak = 0;
        double ours = 0;
        for (int i = 0; i < 3; i++) {
          peak = Math.max(peak, peak(stream, host, onDevice, in));
          ours = Math.max(ours, ours(path, host, onDevice, in));
        }
        say(
            "pinned %s: %.2f GB/s, the card's own peak %.2f GB/s: %.1f %%",
            in ? "to device" : "to host", ours, peak, 100 * ours / peak);
      }
    }
  }

  private double peak(Stream stream, Region host, Region onDevice, boolean in) {
    long begin = System.nanoTime();
    for (long at = 0; at < host.size(); at += sizes.copy) {
      if (in) {
        stream.copyToDevice(onDevice.address() + at, host.address() + at, sizes.copy);
      } else {
        stream.copyToHost(host.address() + at, onDevice.address() + at, sizes.copy);
      }
    }
    stream.synchronize();
    return rate(sizes.copies * sizes.copy, System.nanoTime() - begin);
  }

  private double ours(DataPath path, Region host, Region onDevice, boolean in)
      throws InterruptedException {
    TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
    for (long at = 0; at < host.size(); at += sizes.copy) {
      batch.copy(in ? host : onDevice, at, in ? onDevice : host, at, sizes.copy);
    }
    long begin = System.nanoTime();
    path.transfers().submit(batch);
    batch.await();
    return rate(batch.bytes(), System.nanoTime() - begin);
  }

  // ---- files

  private void write(Path file) throws IOException {
    byte[] content = new byte[1 << 20];
    new Random(1).nextBytes(content);
    long begin = System.nanoTime();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (long at = 0; at < sizes.file; at += content.length) {
        content[0]++;
        int left = (int) Math.min(content.length, sizes.file - at);
        channel.write(ByteBuffer.wrap(content, 0, left), at);
      }
      channel.force(true);
    }
    say("a file of %s written in %.1f s", Bytes.of(sizes.file), seconds(begin));
  }

  private static double seconds(long begin) {
    return (System.nanoTime() - begin) / 1e9;
  }

  private void files(Context context, DataPath path, Path file) throws Exception {
    FileRange range = FileRange.of(file);
    DriveRate drive = DriveRate.of(range);
    say("the drive by itself: %s", drive);
    streamed(
        context,
        path,
        tensor(range, Optional.of(range)),
        "from the file",
        drive.gigabytesPerSecond());
    DriveRate again = DriveRate.of(range);
    say("the drive by itself, once more: %s", again);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment data = channel.map(FileChannel.MapMode.READ_ONLY, 0, range.bytes(), arena);
      StoredTensor mapped =
          new StoredTensor("mapped", DType.BF16, List.of(range.bytes() / 2), data);
      double best = Math.max(drive.gigabytesPerSecond(), again.gigabytesPerSecond());
      streamed(context, path, mapped, "from a mapping", best);
    }
  }

  private static StoredTensor tensor(FileRange range, Optional<FileRange> file) {
    MemorySegment nowhere = MemorySegment.ofAddress(4096).reinterpret(range.bytes());
    return new StoredTensor("file", DType.BF16, List.of(range.bytes() / 2), nowhere, file);
  }

  private void streamed(
      Context context, DataPath path, StoredTensor tensor, String from, double drive) {
    long window = 4 * PIECE;
    long bytes = tensor.byteSize();
    try (Stream stream = context.stream();
        WeightStream weights =
            new WeightStream(path.transfers(), path.deviceMemory(), stream, 4, window)) {
      long heap = meter.allAllocatedBytes();
      long processors = meter.processNanos();
      long begin = System.nanoTime();
      for (long at = 0; at < bytes; at += window) {
        weights.bring(tensor, at, Math.min(window, bytes - at), address -> {});
      }
      weights.finish();
      long nanos = System.nanoTime() - begin;
      say(
          "%s to the device: %.2f GB/s, %.1f %% of the drive's; %.3f CPU-s per GB of this process,"
              + " %.7f heap bytes per byte",
          from,
          rate(bytes, nanos),
          100 * rate(bytes, nanos) / drive,
          (double) (meter.processNanos() - processors) / bytes,
          (double) (meter.allAllocatedBytes() - heap) / bytes);
      for (TransferReport report : weights.reports()) {
        say(
            "  by %s%s, %.1f copies of each byte, %.3f CPU-s per GB of its threads",
            report.path(),
            report.reason().isEmpty() ? "" : " (" + report.reason() + ")",
            report.copies(),
            report.processorSecondsPerGigabyte());
      }
    }
  }

  // ---- blocks

  private void swaps(Context context, DataPath path) throws InterruptedException {
    long bytes = sizes.block * sizes.blocks;
    try (Region host = path.pinnedMemory().allocate(bytes);
        Region small = path.pinnedMemory().allocate(1 << 16);
        Region onDevice = path.deviceMemory().allocate(bytes);
        Region weights = path.deviceMemory().allocate(sizes.step);
        Stream stream = context.stream()) {
      say("%d steps alone: %s", sizes.steps, steps(stream, weights, small));
      Swapping swapping = new Swapping(path, host, onDevice);
      Thread swapper = Thread.ofPlatform().start(swapping);
      say(
          "%d steps beside blocks that are swapped: %s",
          sizes.steps, steps(stream, weights, small));
      swapping.enough = true;
      swapper.join();
      say(
          "blocks of %s swapped meanwhile: %.2f GB/s, %.1f µs to submit a batch of %d",
          Bytes.of(sizes.block), swapping.rate(), swapping.submitMicros(), sizes.blocks);
    }
  }

  /** Steps one after the other; their times in words. */
  private String steps(Stream stream, Region weights, Region small) {
    long[] nanos = new long[sizes.steps];
    for (int i = -10; i < sizes.steps; i++) {
      long begin = System.nanoTime();
      stream.copyToDevice(weights.address(), small.address(), 1 << 15);
      stream.fillWords(weights.address(), i, sizes.step / 4);
      stream.copyToHost(small.address(), weights.address(), 256);
      stream.synchronize();
      nanos[Math.max(0, i)] = System.nanoTime() - begin;
    }
    Arrays.sort(nanos);
    return String.format(
        Locale.ROOT,
        "p50 %.3f ms, p99 %.3f ms",
        nanos[nanos.length / 2] / 1e6,
        nanos[nanos.length * 99 / 100] / 1e6);
  }

  /** Swaps blocks out and in, in another order each time. */
  private final class Swapping implements Runnable {
    private final DataPath path;
    private final Region host;
    private final Region onDevice;
    private volatile boolean enough;
    private long bytes;
    private long submitNanos;
    private long batches;
    private long nanos;

    Swapping(DataPath path, Region host, Region onDevice) {
      this.path = path;
      this.host = host;
      this.onDevice = onDevice;
    }

    @Override
    public void run() {
      TransferBatch batch = new TransferBatch(TransferPriority.BACKGROUND);
      long begin = System.nanoTime();
      while (!enough) {
        batch.clear();
        for (int i = 0; i < sizes.blocks; i++) {
          long at = i * sizes.block;
          long there = (sizes.blocks - 1 - i) * sizes.block;
          if (batches % 2 == 0) {
            batch.copy(onDevice, at, host, there, sizes.block);
          } else {
            batch.copy(host, there, onDevice, at, sizes.block);
          }
        }
        submit(batch);
      }
      nanos = System.nanoTime() - begin;
    }

    private void submit(TransferBatch batch) {
      long begin = System.nanoTime();
      path.transfers().submit(batch);
      submitNanos += System.nanoTime() - begin;
      batches++;
      try {
        batch.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      bytes += batch.bytes();
    }

    double rate() {
      return DataPathBenchmark.rate(bytes, nanos);
    }

    double submitMicros() {
      return submitNanos / 1e3 / batches;
    }
  }
}
