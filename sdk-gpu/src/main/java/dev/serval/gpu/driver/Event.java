package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * A mark that a stream leaves behind when all that was given to it before is done. Usable from any
 * thread that is attached; recording it anew moves the mark.
 */
public final class Event extends Handle {
  private static final double NANOS_PER_MILLI = 1e6;

  Event(Context context, long address) {
    super(context, address);
  }

  /**
   * Whether the mark was reached. Takes well under a microsecond.
   *
   * @return true also where it was never recorded
   */
  public boolean reached() {
    int code = context().calls().eventQuery(address());
    if (code == Constants.CUDA_ERROR_NOT_READY) {
      return false;
    }
    context().check(EntryPoint.EVENT_QUERY, code);
    return true;
  }

  /** Waits until the mark is reached. */
  public void await() {
    context().check(EntryPoint.EVENT_SYNCHRONIZE, context().calls().eventSynchronize(address()));
  }

  /**
   * The time between two marks that know it and were reached.
   *
   * @param later the later one
   * @return as the device measured it, to about half a microsecond
   */
  public Duration until(Event later) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_FLOAT);
      context().call(EntryPoint.EVENT_ELAPSED, out.address(), address(), later.address());
      return Duration.ofNanos(Math.round(out.get(JAVA_FLOAT, 0) * NANOS_PER_MILLI));
    }
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.EVENT_DESTROY, released);
  }
}
