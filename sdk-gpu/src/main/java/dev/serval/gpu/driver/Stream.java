package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What a device does one after the other: copies, kernels, graphs, marks. Giving it something does
 * not wait for it. Used by one thread at a time, which is attached.
 *
 * <p>Nothing here keeps memory alive: whoever gives a copy or a kernel to a stream keeps what it
 * reads and writes until an event says that it is done.
 */
public final class Stream extends Handle {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment scratch = arena.allocate(JAVA_LONG);
  private final Calls calls;

  Stream(Context context, long address) {
    super(context, address);
    this.calls = context.calls();
  }

  /**
   * Copies from the host.
   *
   * @param target an address on the device
   * @param source an address of the host, pinned if the call is not to wait
   * @param bytes how many
   */
  public void copyToDevice(long target, long source, long bytes) {
    copy(EntryPoint.COPY_TO_DEVICE, target, source, bytes);
  }

  /**
   * Copies to the host.
   *
   * @param target an address of the host, pinned if the call is not to wait
   * @param source an address on the device
   * @param bytes how many
   */
  public void copyToHost(long target, long source, long bytes) {
    copy(EntryPoint.COPY_TO_HOST, target, source, bytes);
  }

  /**
   * Copies on the device.
   *
   * @param target an address on the device
   * @param source an address on the device
   * @param bytes how many
   */
  public void copyOnDevice(long target, long source, long bytes) {
    copy(EntryPoint.COPY_ON_DEVICE, target, source, bytes);
  }

  /**
   * Makes many copies, in any order among themselves: by one call where the driver can.
   *
   * @param batch the copies, which may be changed as soon as this returns
   */
  public void copy(CopyBatch batch) {
    batch.give(this);
  }

  /**
   * Sets every byte.
   *
   * @param target an address on the device
   * @param value the byte
   * @param bytes how many
   */
  public void fill(long target, byte value, long bytes) {
    check(EntryPoint.FILL_BYTES, calls.fillBytes(target, value, bytes, address()));
  }

  /**
   * Sets every word of 32 bits.
   *
   * @param target an address on the device, a multiple of 4
   * @param value the word
   * @param words how many
   */
  public void fillWords(long target, int value, long words) {
    check(EntryPoint.FILL_WORDS, calls.fillWords(target, value, words, address()));
  }

  /**
   * Leaves a mark behind what was given so far.
   *
   * @param event the mark
   */
  public void record(Event event) {
    check(EntryPoint.EVENT_RECORD, calls.eventRecord(event.address(), address()));
  }

  /**
   * Has what is given from now on wait for a mark as it was last recorded.
   *
   * @param event the mark, of any stream and device
   */
  public void waitFor(Event event) {
    check(EntryPoint.STREAM_WAIT, calls.streamWait(address(), event.address()));
  }

  /**
   * Whether everything that was given is done.
   *
   * @return whether it is
   */
  public boolean idle() {
    int code = calls.streamQuery(address());
    if (code == Constants.CUDA_ERROR_NOT_READY) {
      return false;
    }
    check(EntryPoint.STREAM_QUERY, code);
    return true;
  }

  /** Waits until everything that was given is done. */
  public void synchronize() {
    check(EntryPoint.STREAM_SYNCHRONIZE, calls.streamSynchronize(address()));
  }

  /**
   * Records what is given to this stream in place of doing it.
   *
   * @param work gives it, on the calling thread; may use only what can be recorded
   * @return the record
   * @throws DriverException when something of it cannot be recorded
   */
  public Graph capture(Runnable work) {
    context()
        .call(
            EntryPoint.STREAM_BEGIN_CAPTURE,
            address(),
            Constants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      abandonCapture(e);
      throw e;
    }
    return new Graph(context(), endCapture());
  }

  private void abandonCapture(Throwable cause) {
    try {
      new Graph(context(), endCapture()).close();
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
  }

  private long endCapture() {
    scratch.set(JAVA_LONG, 0, 0);
    context().call(EntryPoint.STREAM_END_CAPTURE, address(), scratch.address());
    return scratch.get(JAVA_LONG, 0);
  }

  /** Room for what a call gives. */
  MemorySegment scratch() {
    return scratch;
  }

  private void copy(EntryPoint direction, long target, long source, long bytes) {
    check(direction, calls.copy(direction, target, source, bytes, address()));
  }

  private void check(EntryPoint function, int code) {
    if (code != Constants.CUDA_SUCCESS) {
      context().check(function, code);
    }
  }

  @Override
  void release(long released) {
    arena.close();
    context().release(EntryPoint.STREAM_DESTROY, released);
  }
}
