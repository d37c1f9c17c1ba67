package dev.serval.gpu.transfer;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.file.CuFileException;
import dev.serval.gpu.file.CuFileLibrary;
import dev.serval.gpu.file.CuFileSearch;
import org.jspecify.annotations.Nullable;

/**
 * The way of files straight to a device, for as long as transfers run: slabs of the device's memory
 * to which a drive may write, or why there are none. Reads may be made by several threads.
 */
final class DirectFiles implements AutoCloseable {
  private final String words;
  private final @Nullable CuFileLibrary library;
  private final @Nullable DeviceMemory slabs;
  private boolean closed;

  private DirectFiles(String words, @Nullable CuFileLibrary library, @Nullable DeviceMemory slabs) {
    this.words = words;
    this.library = library;
    this.slabs = slabs;
  }

  /** There is no such way. */
  static DirectFiles none(String why) {
    return new DirectFiles(why, null, null);
  }

  /** Takes the device's memory for slabs, if cuFile and the device let it. */
  static DirectFiles open(CuFileSearch.Outcome found, Context context, long bytes) {
    return switch (found) {
      case CuFileSearch.Indirect(String finding) -> none(finding);
      case CuFileSearch.Direct(CuFileLibrary library, String finding) -> {
        try {
          yield new DirectFiles(finding, library, slabs(library, context, bytes));
        } catch (CuFileException | DriverException e) {
          yield none("no GPUDirect for files: " + e.getMessage());
        }
      }
    };
  }

  private static DeviceMemory slabs(CuFileLibrary library, Context context, long bytes) {
    library.open();
    DeviceMemory memory = null;
    try {
      memory = context.allocate(bytes);
      long address = memory.address();
      context.attached(() -> library.register(address, bytes));
      return memory;
    } catch (RuntimeException | Error e) {
      if (memory != null) {
        memory.close();
      }
      library.close();
      throw e;
    }
  }

  /** What the way is, or why there is none. */
  String words() {
    return words;
  }

  /** By which files are read; null where there is no such way. */
  @Nullable CuFileLibrary library() {
    return library;
  }

  /** Where the slabs are on the device; 0 where there are none. */
  long address() {
    return slabs == null ? 0 : slabs.address();
  }

  /** Gives the slabs back, which nobody reads or writes any more. Closing again does nothing. */
  @Override
  public void close() {
    if (library != null && slabs != null && !closed) {
      closed = true;
      library.forget(slabs.address());
      library.close();
      slabs.close();
    }
  }
}
