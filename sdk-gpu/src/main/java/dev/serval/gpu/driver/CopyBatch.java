package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A list of copies between any two of host and device, to be made by one call. It is filled, given
 * to a stream and cleared, over and over, by one thread.
 */
public final class CopyBatch {
  private final MemorySegment targets;
  private final MemorySegment sources;
  private final MemorySegment sizes;
  private final MemorySegment attributes;
  private final MemorySegment attributeIndex;
  private final MemorySegment failed;
  private final int capacity;
  private int count;

  /**
   * An empty list.
   *
   * @param capacity the most copies that it holds
   * @param arena where it lives
   */
  public CopyBatch(int capacity, Arena arena) {
    this.capacity = capacity;
    this.targets = arena.allocate(JAVA_LONG, capacity);
    this.sources = arena.allocate(JAVA_LONG, capacity);
    this.sizes = arena.allocate(JAVA_LONG, capacity);
    this.attributes = arena.allocate(Structs.COPY_ATTRIBUTES);
    this.attributeIndex = arena.allocate(JAVA_LONG);
    this.failed = arena.allocate(JAVA_LONG);
    attributes.set(
        JAVA_INT,
        Structs.offset(Structs.COPY_ATTRIBUTES, "srcAccessOrder"),
        Constants.CU_MEMCPY_SRC_ACCESS_ORDER_STREAM);
  }

  /**
   * Adds a copy.
   *
   * @param target an address of host or device
   * @param source an address of host or device
   * @param bytes how many, more than 0
   * @throws IllegalStateException when the list is full
   */
  public void add(long target, long source, long bytes) {
    if (count == capacity) {
      throw new IllegalStateException("the list has room for " + capacity + " copies");
    }
    targets.setAtIndex(JAVA_LONG, count, target);
    sources.setAtIndex(JAVA_LONG, count, source);
    sizes.setAtIndex(JAVA_LONG, count, bytes);
    count++;
  }

  /** Empties the list. */
  public void clear() {
    count = 0;
  }

  /**
   * How many copies there are.
   *
   * @return from 0 to the capacity
   */
  public int count() {
    return count;
  }

  /**
   * How many copies fit.
   *
   * @return the most
   */
  public int capacity() {
    return capacity;
  }

  void give(Stream stream) {
    if (count == 0) {
      return;
    }
    Context context = stream.context();
    if (count > 1 && context.calls().has(EntryPoint.COPY_BATCH)) {
      giveAll(context, stream.address());
    } else {
      giveEach(context, stream.address());
    }
  }

  private void giveAll(Context context, long stream) {
    int code =
        context
            .calls()
            .copyBatch(
                targets.address(),
                sources.address(),
                sizes.address(),
                count,
                attributes.address(),
                attributeIndex.address(),
                1,
                failed.address(),
                stream);
    if (code != Constants.CUDA_SUCCESS) {
      String detail = "of %d copies, number %d".formatted(count, failed.get(JAVA_LONG, 0));
      throw context.failure(EntryPoint.COPY_BATCH, code, detail);
    }
  }

  private void giveEach(Context context, long stream) {
    for (int i = 0; i < count; i++) {
      long target = targets.getAtIndex(JAVA_LONG, i);
      long source = sources.getAtIndex(JAVA_LONG, i);
      long bytes = sizes.getAtIndex(JAVA_LONG, i);
      context.check(
          EntryPoint.COPY, context.calls().copy(EntryPoint.COPY, target, source, bytes, stream));
    }
  }
}
