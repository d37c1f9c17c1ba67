package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.StepBatch;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Draws tokens on the device and brings their ids to the host: the kernel writes them to pinned
 * memory.
 *
 * <p>A sequence with penalties has a table of how often each token was seen, counted on by the
 * kernel as it draws. There are as many tables as sequences in a step; when another sequence needs
 * one, that of a sequence outside the step is taken, which is counted anew when it comes back.
 */
final class Drawing {
  private static final long STEP = Abi.SAMPLE.offset("step");
  private static final long LOGITS = Abi.SAMPLE.offset("logits");
  private static final long COUNTS = Abi.SAMPLE.offset("counts");
  private static final long TOKENS = Abi.SAMPLE.offset("tokens");
  private static final long VOCABULARY = Abi.SAMPLE.offset("vocabulary");
  private static final long STRIDE = Abi.SAMPLE.offset("stride");
  private static final long COUNT_TOKENS = Abi.COUNT.offset("tokens");
  private static final long COUNT_COUNTS = Abi.COUNT.offset("counts");
  private static final long COUNT_PROMPT = Abi.COUNT.offset("prompt");
  private static final long COUNT_TOTAL = Abi.COUNT.offset("total");
  private static final int COUNT_THREADS = 256;

  private final CudaBackend owner;
  private final Context context;
  private final LaunchSite site;
  private final GrowingBuffer tables;
  private final GrowingBuffer seen;
  private final Kernel sample;
  private final Kernel count;
  private @Nullable DeviceSampler[] holders = new @Nullable DeviceSampler[0];
  private int vocabulary;
  private @Nullable HostMemory ids;
  private int room;
  private @Nullable CudaLogits drawn;

  Drawing(
      CudaBackend owner,
      Context context,
      KernelModule module,
      LaunchSite site,
      GrowingBuffer tables,
      GrowingBuffer seen) {
    this.owner = owner;
    this.context = context;
    this.site = site;
    this.tables = tables;
    this.seen = seen;
    sample = module.kernel("sample");
    count = module.kernel("count_tokens");
  }

  /** Makes room for the ids of a step, and for one that is drawn by itself. */
  void reserve(int rows) {
    if (rows > room) {
      HostMemory old = ids;
      ids = context.allocateHost((rows + 1L) * Integer.BYTES);
      room = rows;
      if (old != null) {
        old.close();
      }
    }
  }

  /** Sees to it that every sequence of a step that has penalties has its table. */
  void count(StepBatch batch) {
    for (int i = 0; i < batch.sequences(); i++) {
      if (batch.sampler(i) instanceof DeviceSampler sampler && sampler.owner() == owner) {
        count(sampler, batch);
      }
    }
  }

  /** Sees to it that a sequence has its table if it has penalties. */
  void count(DeviceSampler sampler) {
    count(sampler, null);
  }

  private void count(DeviceSampler sampler, @Nullable StepBatch batch) {
    if (!sampler.penalises() || holds(sampler)) {
      return;
    }
    if (vocabulary != sampler.vocabulary() || holders.length < room) {
      vocabulary = sampler.vocabulary();
      holders = new @Nullable DeviceSampler[Math.max(1, room)];
    }
    int table = 0;
    while (table < holders.length - 1 && isTaken(holders[table], batch)) {
      table++;
    }
    holders[table] = sampler;
    sampler.table(table);
    fill(sampler, table);
  }

  private boolean holds(DeviceSampler sampler) {
    int table = sampler.table();
    return table >= 0 && table < holders.length && holders[table] == sampler;
  }

  private static boolean isTaken(@Nullable DeviceSampler holder, @Nullable StepBatch batch) {
    if (holder == null || batch == null) {
      return false;
    }
    for (int i = 0; i < batch.sequences(); i++) {
      if (batch.sampler(i) == holder) {
        return true;
      }
    }
    return false;
  }

  private void fill(DeviceSampler sampler, int table) {
    long bytes = (long) vocabulary * Integer.BYTES;
    long address = tables.atLeast(bytes * holders.length) + bytes * table;
    site.stream().fill(address, (byte) 0, bytes);
    int total = sampler.seenCount();
    if (total == 0) {
      return;
    }
    long tokens = seen.atLeast((long) total * Integer.BYTES);
    owner
        .access()
        .upload(
            tokens,
            (long) total * Integer.BYTES,
            (to, from) ->
                MemorySegment.copy(
                    sampler.seen(),
                    (int) (from / Integer.BYTES),
                    to,
                    JAVA_INT,
                    0,
                    (int) (to.byteSize() / Integer.BYTES)));
    MemorySegment to = count.arguments();
    to.set(JAVA_LONG, COUNT_TOKENS, tokens);
    to.set(JAVA_LONG, COUNT_COUNTS, address);
    to.set(JAVA_INT, COUNT_PROMPT, sampler.promptCount());
    to.set(JAVA_INT, COUNT_TOTAL, total);
    count.grid(Math.ceilDiv(total, COUNT_THREADS), 1, 1).launch(site.stream());
  }

  /** Draws what the staged step asks for. */
  void launch(CudaLogits logits) {
    launch(logits, 0);
  }

  /** Draws what is staged by itself, beside what the last step drew. */
  void launchAlone(CudaLogits logits) {
    launch(logits, room);
  }

  private void launch(CudaLogits logits, int firstId) {
    HostMemory target = java.util.Objects.requireNonNull(ids);
    MemorySegment to = sample.arguments();
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, LOGITS, logits.scores().address());
    to.set(JAVA_LONG, COUNTS, tables.atLeast(Integer.BYTES));
    to.set(JAVA_LONG, TOKENS, target.address() + (long) firstId * Integer.BYTES);
    to.set(JAVA_INT, VOCABULARY, logits.vocabulary());
    to.set(JAVA_INT, STRIDE, logits.scores().stride());
    sample.grid(site.bounds().draws(), 1, 1).launch(site.stream());
  }

  /** The step's draws were launched, if only by a record. */
  void drew(CudaLogits logits) {
    drawn = logits;
  }

  /** Another step begins. */
  void begin() {
    drawn = null;
  }

  /** Whether the last step drew from these scores. */
  boolean drewFrom(CudaLogits logits) {
    return drawn == logits;
  }

  /** Where what was drawn by itself is found. */
  int alone() {
    return room;
  }

  /** What was drawn, once the step is done. */
  int id(int draw) {
    return java.util.Objects.requireNonNull(ids).segment().getAtIndex(JAVA_INT, draw);
  }

  /** Nothing that was counted can be relied on any more. */
  void forget() {
    Arrays.fill(holders, null);
  }
}
