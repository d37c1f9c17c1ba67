package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/**
 * A device's primary context, and the owner of everything that is made in it.
 *
 * <p>Making and closing handles works on any thread. What is done with streams, events and kernels
 * afterwards needs a thread that is {@linkplain #attach attached}. When a call finds the device
 * lost, the context is of no more use ({@link #lost}); its handles can still be closed.
 *
 * <p>Closing waits for what is in flight, closes the handles that are left, the newest first, and
 * lets go of the device.
 */
public final class Context implements AutoCloseable {
  private final CudaDevice device;
  private final Calls calls;
  private final long address;
  private final SequencedSet<Handle> handles = new LinkedHashSet<>();
  private volatile @Nullable DeviceLostException lost;
  private boolean closed;
  private volatile boolean released;

  private Context(CudaDevice device, Calls calls, long address) {
    this.device = device;
    this.calls = calls;
    this.address = address;
  }

  static Context retain(CudaDevice device, Calls calls) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      calls.call(EntryPoint.PRIMARY_RETAIN, out.address(), device.handle());
      return new Context(device, calls, out.get(JAVA_LONG, 0));
    }
  }

  /**
   * Whose context this is.
   *
   * @return the device
   */
  public CudaDevice device() {
    return device;
  }

  /** Makes the context that of the calling thread, until another takes its place. Cheap. */
  public void attach() {
    check(EntryPoint.CONTEXT_SET, calls.setContext(address));
  }

  /**
   * Does something on the calling thread with this context in place of the thread's own.
   *
   * @param work what needs a thread that is attached
   */
  public void attached(Runnable work) {
    check(EntryPoint.CONTEXT_PUSH, calls.result(EntryPoint.CONTEXT_PUSH, address));
    try (Arena arena = Arena.ofConfined()) {
      try {
        work.run();
      } finally {
        calls.call(EntryPoint.CONTEXT_POP, arena.allocate(JAVA_LONG).address());
      }
    }
  }

  /**
   * What made the context useless.
   *
   * @return the first failure that lost the device, empty as long as all is well
   */
  public Optional<DeviceLostException> lost() {
    return Optional.ofNullable(lost);
  }

  /**
   * The memory that is free at this moment, for all processes.
   *
   * @return the amount
   */
  public Bytes freeMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG, 2);
      call(EntryPoint.MEMORY_INFO, out.address(), out.address() + Long.BYTES);
      return Bytes.of(out.get(JAVA_LONG, 0));
    }
  }

  /** Waits until everything that was given to the device is done. */
  public void synchronize() {
    call(EntryPoint.CONTEXT_SYNCHRONIZE);
  }

  /**
   * Memory of the device, uninitialised. Slow: a pool is for what comes and goes.
   *
   * @param bytes how much, more than 0
   * @return the memory
   * @throws OutOfDeviceMemoryException when the device does not have it
   */
  public DeviceMemory allocate(long bytes) {
    return new DeviceMemory(this, take(EntryPoint.MEMORY_ALLOCATE, bytes), bytes);
  }

  /**
   * A pool of the device's memory that is taken and given back in streams' order.
   *
   * @param limit the most that it may hold, 0 for what the device has
   * @return the pool, which keeps what is given back until it is trimmed
   */
  public MemoryPool pool(long limit) {
    return MemoryPool.create(this, limit);
  }

  /**
   * Memory of the host that the device reads and writes by itself. Slow; the memory is never paged
   * out, so it is missing elsewhere.
   *
   * @param bytes how much, more than 0
   * @return the memory
   * @throws OutOfDeviceMemoryException when the system does not have it
   */
  public HostMemory allocateHost(long bytes) {
    return new HostMemory(
        this, take(EntryPoint.HOST_ALLOCATE, bytes, Constants.CU_MEMHOSTALLOC_PORTABLE), bytes);
  }

  /**
   * Keeps memory that the host has from being paged out, so that the device reads and writes it by
   * itself.
   *
   * @param memory native memory, which has to outlive the result
   * @return what undoes it when closed
   */
  public PinnedSegment pin(MemorySegment memory) {
    call(
        EntryPoint.HOST_REGISTER,
        memory.address(),
        memory.byteSize(),
        Constants.CU_MEMHOSTREGISTER_PORTABLE);
    return new PinnedSegment(this, memory);
  }

  /**
   * A stream, which waits for no other stream by itself.
   *
   * @return a stream of the usual priority
   */
  public Stream stream() {
    return stream(0);
  }

  /**
   * A stream, which waits for no other stream by itself.
   *
   * @param priority within {@link #priorities}; the lower the number, the earlier its blocks run
   * @return the stream
   */
  public Stream stream(int priority) {
    return new Stream(
        this, make(EntryPoint.STREAM_CREATE, Constants.CU_STREAM_NON_BLOCKING, priority));
  }

  /**
   * The priorities that streams may have.
   *
   * @return from the least to the greatest, whose number is the lower one
   */
  public Priorities priorities() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT, 2);
      call(EntryPoint.CONTEXT_PRIORITIES, out.address(), out.address() + Integer.BYTES);
      return new Priorities(out.getAtIndex(JAVA_INT, 0), out.getAtIndex(JAVA_INT, 1));
    }
  }

  /**
   * The priorities of streams.
   *
   * @param least of those that run last
   * @param greatest of those that run first: at most {@code least}
   */
  public record Priorities(int least, int greatest) {}

  /**
   * A mark that a stream leaves behind, which does not know the time.
   *
   * @return the event
   */
  public Event event() {
    return new Event(this, make(EntryPoint.EVENT_CREATE, Constants.CU_EVENT_DISABLE_TIMING));
  }

  /**
   * A mark that a stream leaves behind, for threads that wait for it without keeping a processor
   * busy.
   *
   * @return the event, which does not know the time
   */
  public Event restfulEvent() {
    int flags = Constants.CU_EVENT_BLOCKING_SYNC | Constants.CU_EVENT_DISABLE_TIMING;
    return new Event(this, make(EntryPoint.EVENT_CREATE, flags));
  }

  /**
   * A mark that a stream leaves behind, which knows when it did.
   *
   * @return the event
   */
  public Event timedEvent() {
    return new Event(this, make(EntryPoint.EVENT_CREATE, 0));
  }

  /**
   * Loads kernels.
   *
   * @param image PTX, or a binary for this device
   * @return the kernels
   * @throws DriverException when the image does not suit the device, with what the assembler said
   */
  public Module module(byte[] image) {
    return Module.load(this, image);
  }

  @Override
  public void close() {
    List<Handle> left;
    synchronized (handles) {
      if (closed) {
        return;
      }
      closed = true;
      left = new ArrayList<>(handles.reversed());
    }
    List<Runnable> steps = new ArrayList<>();
    steps.add(() -> release(EntryPoint.CONTEXT_SYNCHRONIZE));
    left.forEach(handle -> steps.add(handle::close));
    steps.add(this::letGo);
    runAll(steps);
  }

  /** Does one after the other whatever fails; throws the first failure with the others attached. */
  private static void runAll(List<Runnable> steps) {
    RuntimeException first = null;
    for (Runnable step : steps) {
      try {
        step.run();
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }

  private void letGo() {
    released = true;
    detach();
    int code = calls.result(EntryPoint.PRIMARY_RELEASE, device.handle());
    if (lost == null) {
      calls.check(EntryPoint.PRIMARY_RELEASE, code);
    }
  }

  /** A thread that goes on does not keep a context that is gone. */
  private void detach() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      calls.result(EntryPoint.CONTEXT_GET, out.address());
      if (out.get(JAVA_LONG, 0) == address) {
        calls.setContext(0);
      }
    }
  }

  Calls calls() {
    return calls;
  }

  long address() {
    return address;
  }

  void own(Handle handle) {
    synchronized (handles) {
      if (closed) {
        throw new IllegalStateException(this + " is closed");
      }
      handles.add(handle);
    }
  }

  void disown(Handle handle) {
    synchronized (handles) {
      handles.remove(handle);
    }
  }

  /** Calls a function that gives an address or a number by its first parameter. */
  long make(EntryPoint function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      Object[] all = new Object[arguments.length + 1];
      all[0] = out.address();
      System.arraycopy(arguments, 0, all, 1, arguments.length);
      call(function, all);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** Calls a function that gives memory; says how much there is when that is too little. */
  private long take(EntryPoint function, long bytes, Object... more) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      Object[] all = new Object[more.length + 2];
      all[0] = out.address();
      all[1] = bytes;
      System.arraycopy(more, 0, all, 2, more.length);
      int code = result(function, all);
      if (code == Constants.CUDA_ERROR_OUT_OF_MEMORY) {
        throw failure(
            function,
            code,
            "%s were asked for, and %s has %s left"
                .formatted(Bytes.of(bytes), device, freeMemory()));
      }
      check(function, code);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** Calls a function with this context current, whatever the thread's own is. */
  void call(EntryPoint function, Object... arguments) {
    check(function, result(function, arguments));
  }

  int result(EntryPoint function, Object... arguments) {
    if (released) {
      throw new IllegalStateException(this + " is closed");
    }
    int pushed = calls.result(EntryPoint.CONTEXT_PUSH, address);
    if (pushed != Constants.CUDA_SUCCESS) {
      return pushed;
    }
    try (Arena arena = Arena.ofConfined()) {
      int code = calls.result(function, arguments);
      calls.result(EntryPoint.CONTEXT_POP, arena.allocate(JAVA_LONG).address());
      return code;
    }
  }

  /** Calls a function that gives something back; that the device is lost is known by then. */
  void release(EntryPoint function, Object... arguments) {
    int code = result(function, arguments);
    if (code != Constants.CUDA_SUCCESS) {
      DriverException failure = failure(function, code, "");
      if (lost == null) {
        throw failure;
      }
    }
  }

  /** Throws what a result stands for, and remembers when it means that the device is lost. */
  void check(EntryPoint function, int code) {
    if (code != Constants.CUDA_SUCCESS) {
      throw failure(function, code, "");
    }
  }

  DriverException failure(EntryPoint function, int code, String detail) {
    DriverException failure = calls.failure(function, code, detail);
    if (failure instanceof DeviceLostException sticky && lost == null) {
      lost = sticky;
    }
    return failure;
  }

  @Override
  public String toString() {
    return "the context of " + device;
  }
}
