package dev.serval.gpu.transfer;

import dev.serval.api.gpu.TransferPriority;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.Context.Priorities;
import dev.serval.gpu.driver.CopyBatch;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.util.concurrent.locks.LockSupport;

/** A device whose copies its driver makes. */
final class CudaCopyDevice implements CopyDevice {
  private static final int MOST_COPIES = 512;
  private static final long BETWEEN_TRIES_NANOS = 1_000_000;

  private final String id;
  private final Context context;
  private final boolean inBatches;

  /**
   * Of a context, which outlives all streams.
   *
   * @param inBatches whether the driver takes many copies by one call
   */
  CudaCopyDevice(String id, Context context, boolean inBatches) {
    this.id = id;
    this.context = context;
    this.inBatches = inBatches;
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public CopyStream stream(TransferPriority priority) {
    Priorities all = context.priorities();
    boolean urgent = priority == TransferPriority.URGENT;
    return new CudaStream(context, context.stream(urgent ? all.greatest() : all.least()));
  }

  @Override
  public String describe() {
    return inBatches
        ? "copies are given to the driver many at a time (cuMemcpyBatchAsync)"
        : "copies are given to the driver one by one: it is older than CUDA 12.8 and has no cuMemcpyBatchAsync";
  }

  /** A stream of the driver's. */
  private static final class CudaStream implements CopyStream {
    private final Context context;
    private final Stream stream;
    private final CopyBatch batch = new CopyBatch(MOST_COPIES, Arena.ofAuto());

    CudaStream(Context context, Stream stream) {
      this.context = context;
      this.stream = stream;
    }

    @Override
    public void attach() {
      context.attach();
    }

    @Override
    public void add(long target, long source, long bytes) {
      batch.add(target, source, bytes);
    }

    @Override
    public int capacity() {
      return batch.capacity();
    }

    @Override
    public void give() {
      try {
        stream.copy(batch);
      } finally {
        batch.clear();
      }
    }

    @Override
    public Mark mark() {
      return new EventMark(stream, context.restfulEvent());
    }

    /**
     * A context that is lost touches no memory any more; any other failure says nothing of that.
     */
    @Override
    public void drain() {
      batch.clear();
      while (!drained()) {
        LockSupport.parkNanos(BETWEEN_TRIES_NANOS);
      }
    }

    private boolean drained() {
      try {
        stream.synchronize();
        return true;
      } catch (DriverException e) {
        return context.lost().isPresent();
      }
    }

    @Override
    public void close() {
      stream.close();
    }
  }

  /** An event of the driver's. */
  private record EventMark(Stream stream, Event event) implements CopyStream.Mark {
    @Override
    public void record() {
      stream.record(event);
    }

    @Override
    public boolean reached() {
      return event.reached();
    }

    @Override
    public void await() {
      event.await();
    }
  }
}
