package dev.serval.gpu.compute;

import dev.serval.api.compute.StepBatch;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Stream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The step on the device: written into pinned memory and brought over by one copy. Two pieces of
 * pinned memory take turns, and neither is written while a copy still reads it.
 */
final class StagedStep {
  private static final long SMALLEST = 64 << 10;

  private final CudaBackend owner;
  private final Context context;
  private final RegionPool room;
  private final Stream stream;
  private final Runnable whenMoved;
  private final StepImage image = new StepImage();
  private final Event[] copied;
  private final @Nullable HostMemory[] pinned = new @Nullable HostMemory[2];
  private @Nullable Region memory;
  private long address;
  private long bytes;
  private int turn;

  StagedStep(
      CudaBackend owner, Context context, RegionPool room, Stream stream, Runnable whenMoved) {
    this.owner = owner;
    this.context = context;
    this.room = room;
    this.stream = stream;
    this.whenMoved = whenMoved;
    copied = new Event[] {context.event(), context.event()};
  }

  /** Brings a step to the device, its runs in tiles of at most so many rows. */
  StepImage stage(StepBatch batch, int tileRows) {
    reserve(StepImage.room(batch, tileRows));
    HostMemory target = next();
    image.write(batch, tileRows, owner, target.segment());
    bring(target);
    return image;
  }

  /** Brings a step to the device that only draws. */
  void stageDraw(DeviceSampler sampler, int row) {
    reserve(StepImage.room(sampler));
    HostMemory target = next();
    image.writeDraw(sampler, row, target.segment());
    bring(target);
  }

  private void reserve(long needed) {
    if (needed > bytes) {
      grow(Math.max(SMALLEST, needed + needed / 2));
    }
  }

  /** The piece of pinned memory whose turn it is, once no copy reads it. */
  private HostMemory next() {
    turn = 1 - turn;
    copied[turn].await();
    return Objects.requireNonNull(pinned[turn]);
  }

  private void bring(HostMemory from) {
    stream.copyToDevice(address, from.address(), image.bytes());
    stream.record(copied[turn]);
  }

  private void grow(long size) {
    whenMoved.run();
    stream.synchronize();
    bytes = 0;
    Region old = memory;
    if (old != null) {
      memory = null;
      old.close();
    }
    for (int i = 0; i < pinned.length; i++) {
      HostMemory before = pinned[i];
      if (before != null) {
        pinned[i] = null;
        before.close();
      }
      pinned[i] = context.allocateHost(size);
    }
    Region taken = room.allocate(size);
    memory = taken;
    address = taken.address();
    bytes = size;
  }

  /** Where kernels find it. */
  long address() {
    return address;
  }

  /** What was brought over last. */
  StepImage image() {
    return image;
  }
}
