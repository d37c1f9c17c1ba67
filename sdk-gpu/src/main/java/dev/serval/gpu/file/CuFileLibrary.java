package dev.serval.gpu.file;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.LibraryCalls;
import dev.serval.gpu.driver.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * NVIDIA's cuFile, by which a drive writes to a device's memory. Usable from any thread; what has
 * to do with memory needs one that is attached to its context.
 */
public final class CuFileLibrary {
  static final String READ = "cuFileRead";
  static final int SUCCESS = 0;
  static final int OPAQUE_FD = 1;

  /** A file: the kind of handle, a union of a number and a pointer, a table of functions. */
  static final StructLayout FILE =
      MemoryLayout.structLayout(
              JAVA_INT.withName("type"),
              MemoryLayout.paddingLayout(4),
              JAVA_INT.withName("handle.fd"),
              MemoryLayout.paddingLayout(4),
              JAVA_LONG.withName("fs_ops"))
          .withName("CUfileDescr_t");

  private static final long TYPE = FILE.byteOffset(PathElement.groupElement("type"));
  private static final long NUMBER = FILE.byteOffset(PathElement.groupElement("handle.fd"));

  private final NativeLibrary library;
  private final LibraryCalls calls;
  private final MethodHandle read;

  private CuFileLibrary(NativeLibrary library, LibraryCalls calls, MethodHandle read) {
    this.library = library;
    this.calls = calls;
    this.read = read;
  }

  /**
   * In a library that was loaded.
   *
   * @throws IllegalArgumentException when it lacks functions, naming them
   */
  static CuFileLibrary in(NativeLibrary library) {
    LibraryCalls calls = new LibraryCalls(library);
    String missing =
        Arrays.stream(FileFunction.values())
            .filter(function -> !calls.has(function))
            .map(FileFunction::symbol)
            .collect(Collectors.joining(", "));
    MemorySegment reads = library.symbols().find(READ).orElse(MemorySegment.NULL);
    if (!missing.isEmpty() || reads.address() == 0) {
      throw new IllegalArgumentException(missing.isEmpty() ? READ : missing);
    }
    FunctionDescriptor type =
        FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    return new CuFileLibrary(library, calls, Linker.nativeLinker().downcallHandle(reads, type));
  }

  String name() {
    return library.name();
  }

  /** Calls a function; its code, 0 where it worked. */
  int result(FileFunction function, Object... arguments) {
    return calls.result(function, arguments).orElseThrow();
  }

  /**
   * Begins to use it in this process.
   *
   * @throws CuFileException when it does not open
   */
  public void open() {
    check("does not open", result(FileFunction.OPEN));
  }

  /** Ends its use, which there is one more of for each {@link #open}. */
  public void close() {
    result(FileFunction.CLOSE);
  }

  /**
   * Makes memory of a device known, that a drive may write there.
   *
   * @param address where it begins
   * @param bytes how much
   * @throws CuFileException when it cannot be
   */
  public void register(long address, long bytes) {
    check("does not take its memory", result(FileFunction.MEMORY_REGISTER, address, bytes, 0));
  }

  /**
   * Memory is not to be written to any more.
   *
   * @param address where it begins
   */
  public void forget(long address) {
    result(FileFunction.MEMORY_FORGET, address);
  }

  /**
   * Makes a file known.
   *
   * @param number of the open file, past the page cache
   * @return its handle
   * @throws CuFileException when it cannot be read this way
   */
  public long registerFile(int number) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(JAVA_LONG);
      MemorySegment file = arena.allocate(FILE);
      file.set(JAVA_INT, TYPE, OPAQUE_FD);
      file.set(JAVA_INT, NUMBER, number);
      check(
          "does not take the file",
          result(FileFunction.FILE_REGISTER, handle.address(), file.address()));
      return handle.get(JAVA_LONG, 0);
    }
  }

  /**
   * A file is read no more.
   *
   * @param handle of the file
   */
  public void forgetFile(long handle) {
    result(FileFunction.FILE_FORGET, handle);
  }

  /**
   * Reads, and waits for it.
   *
   * @param handle of the file
   * @param address of memory that was made known
   * @param bytes how many
   * @param fileOffset from where in the file
   * @param memoryOffset to where behind the address
   * @return how many came; −1 for an error of the system's, else the negative of cuFile's code
   */
  public long read(long handle, long address, long bytes, long fileOffset, long memoryOffset) {
    try {
      return (long) read.invokeExact(handle, address, bytes, fileOffset, memoryOffset);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of " + READ + " failed", e);
    }
  }

  private static void check(String what, int code) {
    if (code != SUCCESS) {
      throw new CuFileException(what, code);
    }
  }

  @Override
  public String toString() {
    return "cuFile (%s)".formatted(library.name());
  }
}
