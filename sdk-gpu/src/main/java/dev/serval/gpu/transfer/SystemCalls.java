package dev.serval.gpu.transfer;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * What Linux is asked for beyond what Java has: reads past the page cache, and the time that the
 * calling thread has kept a processor busy. For one thread; allocates nothing once it is made,
 * {@link #open} aside.
 */
final class SystemCalls {
  static final int INTERRUPTED = 4;
  static final int IO_ERROR = 5;
  static final int INVALID = 22;

  private static final int READ_ONLY = 0;
  private static final int CLOSE_ON_EXEC = 0x80000;
  private static final int THREAD_TIME = 3;
  private static final long NANOS = 1_000_000_000L;

  /** Room for {@code struct statfs}, whose first field is the file system's kind. */
  private static final long STATFS_BYTES = 256;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final long ERRNO_AT =
      STATE.byteOffset(java.lang.foreign.MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle OPEN =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("open"),
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT),
          ERRNO,
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle PREAD =
      function(
          "pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle FSTATFS =
      function("fstatfs", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle CLOCK =
      function("clock_gettime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

  private final MemorySegment state;
  private final MemorySegment scratch;

  SystemCalls() {
    Arena arena = Arena.ofAuto();
    state = arena.allocate(STATE);
    scratch = arena.allocate(STATFS_BYTES, Long.BYTES);
  }

  private static MethodHandle function(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type, ERRNO);
  }

  /** Opens a file to be read; less than 0 when it cannot be, for {@link #error}. */
  int open(Path path, boolean pastPageCache) {
    int flags = READ_ONLY | CLOSE_ON_EXEC | (pastPageCache ? direct() : 0);
    try (Arena arena = Arena.ofConfined()) {
      return (int) OPEN.invokeExact(state, arena.allocateFrom(path.toString()), flags, 0);
    } catch (Throwable e) {
      throw unexpected("open", e);
    }
  }

  private static int direct() {
    return System.getProperty("os.arch", "").equals("aarch64") ? 0x10000 : 0x4000;
  }

  /** Reads to an address; how many bytes, or less than 0, for {@link #error}. */
  long read(int file, long address, long bytes, long offset) {
    try {
      return (long) PREAD.invokeExact(state, file, address, bytes, offset);
    } catch (Throwable e) {
      throw unexpected("pread", e);
    }
  }

  void close(int file) {
    try {
      int _ = (int) CLOSE.invokeExact(state, file);
    } catch (Throwable e) {
      throw unexpected("close", e);
    }
  }

  /** The number of the file system's kind; 0 if it is not known. */
  long fileSystem(int file) {
    try {
      int result = (int) FSTATFS.invokeExact(state, file, scratch);
      return result == 0 ? scratch.get(JAVA_LONG, 0) : 0;
    } catch (Throwable e) {
      throw unexpected("fstatfs", e);
    }
  }

  /** What the calling thread has used of a processor since it began, in nanoseconds. */
  long threadNanos() {
    try {
      int _ = (int) CLOCK.invokeExact(state, THREAD_TIME, scratch);
      return scratch.get(JAVA_LONG, 0) * NANOS + scratch.get(JAVA_LONG, Long.BYTES);
    } catch (Throwable e) {
      throw unexpected("clock_gettime", e);
    }
  }

  /** Why the last call failed. */
  int error() {
    return state.get(JAVA_INT, ERRNO_AT);
  }

  /** An error's number in words. */
  static String words(int error) {
    return switch (error) {
      case 1 -> "the system does not permit it (EPERM)";
      case 2 -> "there is no such file (ENOENT)";
      case IO_ERROR -> "the drive reports an error (EIO)";
      case 13 -> "this process may not read it (EACCES)";
      case 24 -> "this process has too many open files (EMFILE)";
      case INVALID -> "the system refuses the request (EINVAL)";
      default -> "the system reports error " + error;
    };
  }

  private static IllegalStateException unexpected(String function, Throwable cause) {
    return new IllegalStateException("the call of " + function + " failed", cause);
  }
}
